"""The way back from a pooled map to the map before.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 2.1,
https://arxiv.org/abs/1311.2901, by the positions of the maxima; Dosovitskiy et al., "Learning to
Generate Chairs with Convolutional Networks", 2015, https://arxiv.org/abs/1411.5928,
without positions.
"""

import itertools
from fractions import Fraction

import keras
import numpy as np
from keras import ops

from zoo import arguments
from zoo.layers.windows import (
    PADDINGS,
    Windows,
    channels_last,
    image_format,
    in_format,
    joined_shape,
    split_shape,
)

PLACES = ("maxima", "all")


@keras.saving.register_keras_serializable("zoo")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts each value of a pooled map back into its window of the map that was pooled.

    With `places="maxima"` a value goes where the map before pooling, the second input, equals the
    maximum of the window (to each such place if there are several), and every other place is 0. With
    `places="all"` it is copied to the whole window, and the second input may be left out. Where
    windows overlap, a place has the mean of the values it is given; so unpooling the maxima
    themselves restores each of them.

    Positions come from that comparison, not from indices: no builtin operator gives those on the
    edge.

    Args:
        pool_size, strides, padding, data_format: Those of the `MaxPooling2D` to be undone.
        places: "maxima" or "all".

    Values `(n, rows, columns, c)` and the map before pooling `(n, h, w, c)` to `(n, h, w, c)`, or the
    same with channels first. Without a second input `h = (rows - 1) * strides + pool_size` for "valid"
    and `rows * strides` for "same" padding. No gradient reaches the map before pooling.

    Raises:
        ValueError: An argument is none of those, a size is not fixed, or the shapes don't belong to
            each other.
    """

    def __init__(
        self, pool_size=2, strides=None, padding="valid", places="maxima", data_format=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.pool_size = arguments.pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else arguments.pair(strides, "strides")
        self.padding = arguments.choice(padding, "padding", PADDINGS)
        self.places = arguments.choice(places, "places", PLACES)
        self.data_format = image_format(data_format)
        self.geometry = Windows(self.pool_size, self.strides, self.padding)

    def call(self, values, before=None):
        sizes = self._sizes(values.shape, None if before is None else before.shape)
        spread = self._spread(channels_last(values, self.data_format), sizes)
        if self.places == "all":
            return in_format(_mean_of_covered(spread), self.data_format)
        before = channels_last(before, self.data_format)
        maxima = ops.max_pool(before, self.pool_size, self.strides, self.padding, data_format="channels_last")
        outputs = _mean_at_maxima(spread, self._spread(maxima, sizes), before)
        return in_format(outputs, self.data_format)

    def compute_output_shape(self, values_shape, before_shape=None):
        n, _, channels = split_shape(values_shape, self.data_format)
        return joined_shape(n, self._sizes(values_shape, before_shape), channels, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "places": self.places,
            "data_format": self.data_format,
        }

    def window(self):
        axes = list(zip(self.pool_size, self.strides, strict=True))
        kernel = tuple(-(-size // stride) for size, stride in axes)
        return kernel, tuple(Fraction(1, stride) for _, stride in axes), 1

    def _sizes(self, values_shape, before_shape):
        """Height and width of the output, after a check that the shapes belong to each other."""
        _, counts, channels = split_shape(values_shape, self.data_format)
        if None in counts:
            raise ValueError(
                f"MaxUnpooling2D can't take values of {tuple(values_shape)!r}: give the model's input a fixed "
                "height and width."
            )
        if before_shape is None:
            return self._smallest(counts)
        _, sizes, channels_before = split_shape(before_shape, self.data_format)
        if (self.geometry.counts(sizes), channels_before) != (counts, channels):
            raise ValueError(
                f"Values of {tuple(values_shape)!r} don't come from windows of {self.pool_size!r} with "
                f"strides={self.strides!r} and padding={self.padding!r} over {tuple(before_shape)!r}. Pass the "
                "map before that pooling, and the pooling's own arguments."
            )
        return sizes

    def _smallest(self, counts):
        if self.places == "maxima":
            raise ValueError(
                "places='maxima' needs the map before pooling as the second input. Pass it, or places='all'."
            )
        if self.padding == "same":
            return tuple(count * stride for count, stride in zip(counts, self.strides, strict=True))
        axes = zip(counts, self.strides, self.pool_size, strict=True)
        return tuple((count - 1) * stride + size for count, stride, size in axes)

    def _spread(self, values, sizes):
        """For each window that may cover a place: its value at every place, and where it does cover.

        Pairs of a tensor `(n, h, w, c)` and an array `(h, w, 1)` of booleans.
        """
        counts = values.shape[1:-1]
        firsts = [before for before, _ in self.geometry.margins(sizes)]
        axes = zip(counts, sizes, self.pool_size, self.strides, firsts, strict=True)
        margins, shifts = zip(*(_shifts(*axis) for axis in axes), strict=True)
        wide = [count * stride for count, stride in zip(counts, self.strides, strict=True)]
        repeated = ops.image.resize(values, wide, interpolation="nearest", data_format="channels_last")
        if any(map(any, margins)):
            repeated = ops.pad(repeated, ((0, 0), *margins, (0, 0)))
        for (top, rows), (left, columns) in itertools.product(*shifts):
            part = repeated
            if part.shape[1:-1] != sizes:
                part = repeated[:, top : top + sizes[0], left : left + sizes[1]]
            yield part, np.logical_and.outer(rows, columns)[..., None]


def _shifts(count, length, size, stride, first):
    """How to bring each window that covers a place, along one axis, on top of it.

    Values are repeated `stride` times and so stand where their window starts; those of windows that
    started earlier are moved on.

    Args:
        count, length: Size of the pooled axis, and of the one before.
        size, stride: Of the windows.
        first: Zeros of padding before the axis.

    Returns:
        The margins that the repeated values need, and a list of pairs: where the part of `length`
        starts, and which of its places the window covers.
    """
    overlapping = -(-size // stride)
    front = (overlapping - 1) * stride
    places = first + np.arange(length)
    shifts = []
    for earlier in range(overlapping):
        windows = places // stride - earlier
        within = places % stride + earlier * stride < size
        covered = within & (windows >= 0) & (windows < count)
        shifts.append((front + first - earlier * stride, covered))
    return (front, max(0, first + length - count * stride)), shifts


def _mean_of_covered(spread):
    total, count = 0, 0
    for values, covered in spread:
        total = total + (values if covered.all() else values * ops.cast(covered, values.dtype))
        count = count + covered.astype("float32")
    if count.max() > 1:
        total = total * ops.cast(1 / np.maximum(count, 1), total.dtype)
    return total


def _mean_at_maxima(spread, spread_maxima, before):
    totals, counts = [], []
    for (values, covered), (maxima, _) in zip(spread, spread_maxima, strict=True):
        here = ops.equal(before, maxima)
        if not covered.all():
            here = ops.logical_and(here, covered)
        totals.append(ops.where(here, values, 0.0))
        counts.append(ops.where(here, 1.0, ops.zeros_like(values)))
    if len(totals) == 1:
        return totals[0]
    count = sum(counts[1:], start=counts[0])
    return sum(totals[1:], start=totals[0]) / ops.maximum(count, 1.0)
