"""Layers that learn the range of activations and round them to its 256 steps."""

import keras
from keras import ops

from .operators.operand import Operand, aligned

LOWEST, HIGHEST = -128, 127
DECAY = 0.99
SMALLEST = 1e-8  # of a range that holds but one value


FACTOR_BITS = 20  # of XNNPACK's addition
SLACK = 1e-4  # what float32 may lack of an integer or a half

ROUNDINGS = {
    "nearest": lambda steps, zero: ops.round(steps),
    "down": lambda steps, zero: ops.floor(steps + SLACK),
    "up": lambda steps, zero: ops.floor(steps + 0.5 + SLACK),
    "away": lambda steps, zero: _away_from_zero(steps + zero) - zero,
}
"""How kernels round: most to the nearest integer, ties to even; for others see `operators.ROUNDING`."""


def _away_from_zero(stored):
    """To the nearest integer, ties away from zero."""
    return ops.sign(stored) * ops.floor(ops.abs(stored) + 0.5 + SLACK)


def added(summands, scale):
    """The sum of two rounded tensors in steps of a scale, as the kernel of XNNPACK computes it.

    Each has a factor of 21 bits; the sum of products is shifted right, rounded up at a half.

    Args:
        summands: `[a, b, scale of a, scale of b]`; a scale below 0 means a difference.
        scale: Of the sum.
    """
    a, b, *scales = summands
    a, b = aligned([Operand(a, True), Operand(b, True)])
    ratios = [ops.stop_gradient(own / scale) for own in scales]
    largest = ops.maximum(ops.abs(ratios[0]), ops.abs(ratios[1]))
    shift = FACTOR_BITS - ops.cast(ops.floor(ops.log2(largest)), "int32")
    size = ops.power(2.0, ops.cast(shift, "float32"))
    total = ops.left_shift(ops.ones_like(shift), shift - 1)
    for x, own, ratio in zip((a, b), scales, ratios, strict=True):
        whole = ops.cast(ops.round(ops.stop_gradient(x) / ops.abs(own)), "int32")
        total = total + whole * ops.cast(ops.round(ratio * size), "int32")
    return ops.cast(ops.right_shift(total, shift), "float32")


def straight_through(rounded, value):
    """`rounded` whose gradient is that of `value` (Bengio et al., 2013, https://arxiv.org/abs/1308.3432)."""
    return value + ops.stop_gradient(rounded - value)


@keras.saving.register_keras_serializable("export")
class ActivationRange(keras.layers.Layer):
    """Rounds activations to integers of 8 bits, as a file with the same range does.

    `scale = (high - low) / 255` and the integer of zero is `round(-128 - low / scale)`, where the range
    from low to high holds 0 (Jacob et al., 2018, section 3, https://arxiv.org/abs/1712.05877).

    Args:
        method: `moving_average` follows the smallest and the largest value of training batches with a
            decay of 0.99; `learned` makes low and high weights with a gradient (Esser et al., 2020, equation
            3, https://arxiv.org/abs/1902.08153, with an offset: Bhalgat et al., 2020); `fixed` keeps them.
        sources: How many tensors that are computed apart share the range.
        known: Whether the range is there from the start; else the first batch in training sets it.
        tensors: The indices in the file of the tensors that have the range.

    Returns:
        The rounded activations, and the scale: biases of what follows are rounded to multiples of it.
    """

    def __init__(self, method="moving_average", sources=1, known=True, tensors=(), **options):
        super().__init__(**options)
        self.method, self.sources, self.known, self.tensors = method, sources, known, list(tensors)

    def build(self, *shapes, **more):
        trainable = self.method == "learned"
        shape = () if trainable else (self.sources,)
        self.low = self.add_weight(name="low", shape=shape, initializer="zeros", trainable=trainable)
        self.high = self.add_weight(name="high", shape=shape, initializer="ones", trainable=trainable)
        self.seen = self.add_weight(
            name="seen",
            shape=(self.sources,),
            initializer="ones" if self.known else "zeros",
            trainable=False,
        )

    def call(self, x, summands=None, source=0, rounding="nearest", training=False):
        if training and source is not None and self.method != "fixed":
            self._observe(ops.stop_gradient(x), source)
        scale, zero = self.grid()
        low, high = (LOWEST - zero) * scale, (HIGHEST - zero) * scale
        rounded = ROUNDINGS[rounding]
        steps = x / scale
        if self.method != "learned":
            steps = ops.clip(x, low, high) / ops.stop_gradient(scale)
        steps = ops.clip(steps, LOWEST - zero, HIGHEST - zero)
        if summands is None:
            whole = rounded(steps, zero)
        else:
            whole = ops.clip(added(summands, scale), ops.ceil(ops.min(steps) - 0.5), HIGHEST - zero)
        return straight_through(whole, steps) * scale, scale

    def grid(self):
        """The scale and the integer that stands for zero, as float32 scalars."""
        low = ops.minimum(ops.min(ops.convert_to_tensor(self.low)), 0.0)
        high = ops.maximum(ops.max(ops.convert_to_tensor(self.high)), 0.0)
        scale = ops.maximum(high - low, SMALLEST) / (HIGHEST - LOWEST)
        zero = LOWEST - low / scale
        zero = ops.clip(zero, LOWEST, HIGHEST)
        return scale, straight_through(ops.round(zero), zero)

    def spread(self, low, high):
        """Set the range, of all sources."""
        self.low.assign(ops.full(self.low.shape, low))
        self.high.assign(ops.full(self.high.shape, high))

    def _observe(self, x, source):
        place = ops.one_hot(source, self.sources, dtype="float32")
        first = place * (1.0 - self.seen)
        self.seen.assign(ops.maximum(self.seen, place))
        if self.method == "learned":
            self._begin(ops.min(x), ops.max(x), ops.max(first))
            return
        for held, value in ((self.low, ops.min(x)), (self.high, ops.max(x))):
            pace = place * (1.0 - DECAY) * (1.0 - first) + first
            held.assign(held + pace * (value - held))

    def _begin(self, low, high, first):
        """A learned range that was not known begins with those of the first batch."""
        self.low.assign(self.low + first * (ops.minimum(low, self.low) - self.low))
        self.high.assign(self.high + first * (ops.maximum(high, self.high) - self.high))

    def compute_output_spec(self, x, summands=None, **more):
        return keras.KerasTensor(x.shape, "float32"), keras.KerasTensor((), "float32")

    def get_config(self):
        return super().get_config() | {
            "method": self.method,
            "sources": self.sources,
            "known": self.known,
            "tensors": self.tensors,
        }
