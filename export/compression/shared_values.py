"""Which weights of a kernel share what, and weights put back to shared values."""

from dataclasses import dataclass

import numpy as np
from keras import ops

STEPS = 127  # settled ratios are multiples of its inverse
CLOSE = 1e-6  # ratios that differ less are one: the rounding of float32
APART = 1e-3  # of a step of 1/127: how far bounds keep shared values from becoming one
FITS = 8  # rounds in which scales and ratios are fitted to weights in turn
TINY = 1e-12


@dataclass(frozen=True)
class Code:
    """A kernel is `scale[channel] * ratio[value] * sign`, all weights in a row, `(outputs * inputs,)`.

    `value` is 0 where a weight is zero, else a number from 1 to `count`, of which every channel has the
    last; `sign` is -1, 0 or 1.
    """

    channel: object
    value: object
    sign: object
    channels: int
    count: int

    def project(self, before, weights):
        """Weights of this code as near to those given as one fit brings them, from those before."""
        scale, ratio = self.parts(before)
        return self.weights(*self.fitted(weights, scale, ratio))

    def parts(self, weights):
        """The scale of each channel, and for each value the mean ratio of its weights."""
        size = ops.abs(ops.reshape(weights, (-1,)))
        scale = ops.segment_max(size, self.channel, self.channels)
        ratios = size / ops.maximum(ops.take(scale, self.channel), TINY)
        number = np.maximum(np.bincount(self.value, minlength=self.count + 1), 1)
        return scale, ops.segment_sum(ratios, self.value, self.count + 1) / number.astype(np.float32)

    def fitted(self, weights, scale, ratio):
        """The least squares of the scales for these ratios, then of the ratios for those scales."""
        size = ops.reshape(weights, (-1,)) * self.sign
        there = np.abs(self.sign)
        scale = _fit(size, ops.take(ratio, self.value) * there, self.channel, self.channels)
        ratio = _fit(size, ops.take(scale, self.channel), self.value, self.count + 1)
        # The last value remains the largest, which every channel's scale is that of.
        top, number = ratio[self.count], np.arange(self.count + 1, dtype=np.float32)
        low, high = (1 + APART * number) / STEPS, 1 - APART * (self.count - number) / STEPS
        return scale * top, ops.clip(ratio / top, low, high)

    def settled(self, weights):
        """Weights of this code near to those given, with ratios that are multiples of 1/127.

        Where they are already, the weights are given back as they are.
        """
        if self.is_settled(weights):
            return weights
        scale, ratio = self.parts(weights)
        for _ in range(FITS):
            scale, ratio = self.fitted(weights, scale, ratio)
        return self.weights(scale, ops.round(ratio * STEPS) / STEPS)

    def is_settled(self, weights):
        """Whether the ratios are multiples of 1/127 already."""
        steps = ratios(weights, self.channel) * STEPS
        return np.abs(steps - np.rint(steps)).max() < STEPS * CLOSE

    def weights(self, scale, ratio):
        """What scales and ratios stand for."""
        return ops.take(scale, self.channel) * ops.take(ratio, self.value) * self.sign


def ratios(weights, channel):
    """The magnitude of each weight `(n,)` by the largest of its channel; 0 where all are zero."""
    size = np.abs(weights)
    largest = np.zeros(channel.max() + 1, size.dtype)
    np.maximum.at(largest, channel, size)
    return size / np.maximum(largest[channel], TINY)


def encoded(weights, channel, points):
    """The `Code` by which each weight `(n,)` has the nearest of the rising ratios `points`."""
    ratio = ratios(weights, channel)
    value = np.searchsorted((points[1:] + points[:-1]) / 2, ratio) + 1
    return Code(
        channel=channel.astype(np.int32),
        value=np.where(ratio > 0, value, 0).astype(np.int32),
        sign=np.sign(weights).astype(np.float32),
        channels=int(channel.max()) + 1,
        count=len(points),
    )


def different(values):
    """The values that differ by more than rounding, in rising order."""
    rising = np.sort(values)
    return rising[np.concatenate([[True], np.diff(rising) > CLOSE])]


def _fit(size, factor, segment, count):
    """The number of each segment that, times the factors, is nearest to the sizes."""
    above = ops.segment_sum(size * factor, segment, count)
    below = ops.segment_sum(factor * factor, segment, count)
    return ops.maximum(above / ops.maximum(below, TINY**2), TINY)
