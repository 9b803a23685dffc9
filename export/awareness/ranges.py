"""Layers that learn the range of activations and round them to its 256 steps."""

import keras
from keras import ops

from . import kernels

LOWEST, HIGHEST = -128, 127
DECAY = 0.99
SMALLEST = 1e-8  # of a range that holds but one value


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
            decay of 0.99, from a known range only outwards; `learned` makes low and high weights with a
            gradient (Esser et al., 2020, equation 3, https://arxiv.org/abs/1902.08153, with an offset:
            Bhalgat et al., 2020); `fixed` keeps them.
        sources: How many tensors that are computed apart share the range.
        known: Whether the range is there from the start; else the first batch in training sets it.
        tensors: The indices in the file of the tensors that have the range.

    Returns:
        The rounded activations, their scale and the integer of zero: with these the operators behind compute.
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

    def take_over(self, other):
        """Instead of `build`: have the range of another layer from now on."""
        self.low, self.high, self.seen = other.low, other.high, other.seen
        self.method, self.known, self.built = other.method, other.known, True

    def call(self, x, facts=None, source=0, kind=None, floor=False, training=False):
        """Round what the operator `kind` gives.

        Args:
            x: In real numbers, `(n, ...)`.
            facts: What the operator's kernel computes with, see `kernels`.
            source: Which of the range's sources it is; None for what is computed from others.
            kind: The operator's name; None for an input.
            floor: Whether a ReLU is fused into it.
        """
        if training and source is not None and self.method != "fixed":
            self._observe(ops.stop_gradient(x), source)
        scale, zero = self.grid()
        low, high = LOWEST - zero, HIGHEST - zero
        if self.method == "learned":
            steps = ops.clip(x / scale, low, high)
        else:
            steps = ops.clip(x, low * scale, high * scale) / scale
        known = facts and [ops.stop_gradient(ops.convert_to_tensor(fact, "float32")) for fact in facts]
        whole = kernels.steps(kind, *map(ops.stop_gradient, (x, scale, zero)), known)
        whole = ops.clip(whole, ops.maximum(low, 0.0) if floor else low, high)
        return straight_through(whole, steps) * scale, scale, ops.stop_gradient(ops.round(zero))

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
        pace = place * (1.0 - DECAY) * (1.0 - first) + first
        # What divides by a rounded zero is no measure: a batch counts as at most twice as wide as what is known.
        width = ops.where(first > 0, float("inf"), self.high - self.low)
        low = ops.maximum(ops.min(x), self.low - width)
        high = ops.minimum(ops.max(x), self.high + width)
        # The ends of a batch are nearer than those of all that the range was calibrated with. What is cut off can
        # be a coordinate, or a likelihood.
        if self.known:
            low, high = ops.minimum(low, self.low), ops.maximum(high, self.high)
        for held, value in ((self.low, low), (self.high, high)):
            held.assign(held + pace * (value - held))

    def _begin(self, low, high, first):
        """A learned range that was not known begins with those of the first batch."""
        self.low.assign(self.low + first * (ops.minimum(low, self.low) - self.low))
        self.high.assign(self.high + first * (ops.maximum(high, self.high) - self.high))

    def compute_output_spec(self, x, facts=None, **more):
        scale, zero = (keras.KerasTensor((), "float32") for _ in range(2))
        return keras.KerasTensor(x.shape, "float32"), scale, zero

    def get_config(self):
        return super().get_config() | {
            "method": self.method,
            "sources": self.sources,
            "known": self.known,
            "tensors": self.tensors,
        }
