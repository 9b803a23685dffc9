"""Capsules, and the routing between them.

Sabour, Frosst & Hinton, "Dynamic Routing Between Capsules", 2017, https://arxiv.org/abs/1710.09829
"""

import math

import keras
from keras import layers, ops

from zoo import arguments

EPSILON = 1e-7
# Lengths of 0 and 1 become logits of -5 and 5: a softmax over ten classes then reaches 0.9996.
GAIN = 10


def squash(s, axis=-1):
    """`v = |s|^2 / (1 + |s|^2) s / |s|` (equation 1): keeps the direction, and lengths below 1.

    Any shape to the same shape. Computed in float32 at least, which squares do not overflow.
    """
    wide = ops.cast(s, keras.backend.result_type(s.dtype, "float32"))
    square = ops.sum(ops.square(wide), axis=axis, keepdims=True)
    # The root's gradient is infinite at 0. An integer division refuses a divisor that rounds to 0;
    # inverse roots do not.
    shrink = ops.rsqrt(1 + square)
    return s * ops.cast(ops.sqrt(square + EPSILON) * shrink * shrink, s.dtype)


@keras.saving.register_keras_serializable("zoo")
class PrimaryCapsules(layers.Layer):
    """Convolutional capsules (section 4): a convolution whose channels are grouped and squashed.

    Args:
        capsules: Kinds of capsules at each place.
        dimension: Length of a capsule's vector.
        kernel_size: An integer or `(height, width)`.
        strides: An integer or `(height, width)`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, places * capsules, dimension)`, place by place.

    Raises:
        ValueError: A number is not a positive integer.
    """

    def __init__(
        self,
        capsules=32,
        dimension=8,
        kernel_size=9,
        strides=2,
        padding="valid",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.capsules = arguments.positive(capsules, "capsules")
        self.dimension = arguments.positive(dimension, "dimension")
        self.kernel_size = arguments.pair(kernel_size, "kernel_size")
        self.strides = arguments.pair(strides, "strides")
        self.padding = arguments.choice(padding, "padding", ("valid", "same"))
        self.data_format = data_format or keras.config.image_data_format()
        self.conv = layers.Conv2D(
            self.capsules * self.dimension,
            self.kernel_size,
            self.strides,
            self.padding,
            data_format=self.data_format,
            kernel_initializer="he_normal",
            dtype=self.dtype_policy,
            name="conv",
        )

    def build(self, input_shape):
        self.conv.build(input_shape)

    def call(self, x):
        x = self.conv(x)
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        return squash(ops.reshape(x, (-1, math.prod(x.shape[1:]) // self.dimension, self.dimension)))

    def compute_output_shape(self, input_shape):
        sizes = self.conv.compute_output_shape(input_shape)[1:]
        total = None if None in sizes else math.prod(sizes) // self.dimension
        return (input_shape[0], total, self.dimension)

    def get_config(self):
        return {
            **super().get_config(),
            "capsules": self.capsules,
            "dimension": self.dimension,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        """Those of the convolution."""
        channels = input_shape[0 if self.data_format == "channels_first" else -1]
        return math.prod(output_shape) * math.prod(self.kernel_size) * channels

    def window(self):
        """The convolution's."""
        return self.kernel_size, self.strides, 1


@keras.saving.register_keras_serializable("zoo")
class RoutingCapsules(layers.Layer):
    """A layer of capsules that the capsules below route their output to (procedure 1).

    Every capsule i below predicts every capsule j by a matrix of its own, `u_j|i = W_ij u_i`. In each
    iteration `c_ij = softmax_j(b_ij)` says how much of i goes to j, `s_j = sum_i c_ij u_j|i` and
    `v_j = squash(s_j)`; then `b_ij`, which starts at 0, grows by the agreement `u_j|i . v_j`. The
    iterations are unrolled, and gradients flow through all of them.

    Args:
        capsules: How many there are.
        dimension: Length of a capsule's vector.
        iterations: Of the routing; the last one needs no agreement.
        kernel_initializer: Of the matrices; None is a truncated normal distribution with which even
            shares give vectors of entries as large as those below: its standard deviation is
            `capsules / sqrt(capsules below * dimension below)`, 0.1 in the paper's network.

    `(n, capsules below, dimension below)` to `(n, capsules, dimension)`.

    Raises:
        ValueError: A number is not a positive integer, or the capsules below are not counted.
    """

    def __init__(self, capsules=10, dimension=16, iterations=3, kernel_initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.capsules = arguments.positive(capsules, "capsules")
        self.dimension = arguments.positive(dimension, "dimension")
        self.iterations = arguments.positive(iterations, "iterations")
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=3)

    def build(self, input_shape):
        if None in input_shape[1:]:
            raise ValueError(
                f"The capsules have the shape {tuple(input_shape)}: expected (n, capsules, dimension) "
                "with both known. Give the model's input a fixed size."
            )
        spread = self.capsules / math.sqrt(math.prod(input_shape[1:]))
        self.kernel = self.add_weight(
            shape=(*input_shape[1:], self.capsules * self.dimension),
            initializer=self.kernel_initializer or keras.initializers.TruncatedNormal(stddev=spread),
            name="kernel",
        )

    def call(self, u):
        votes = self._votes(u)  # (n, j, i, dimension)
        v = squash(ops.sum(votes, axis=2, keepdims=True) / self.capsules)  # (n, j, 1, dimension)
        logits = 0
        for _ in range(self.iterations - 1):
            logits += ops.matmul(votes, ops.swapaxes(v, 2, 3))  # (n, j, i, 1)
            shares = ops.swapaxes(ops.softmax(logits, axis=1), 2, 3)
            v = squash(ops.matmul(shares, votes))
        return ops.squeeze(v, axis=2)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.capsules, self.dimension)

    def get_config(self):
        return {
            **super().get_config(),
            "capsules": self.capsules,
            "dimension": self.dimension,
            "iterations": self.iterations,
            "kernel_initializer": self.kernel_initializer
            and keras.initializers.serialize(self.kernel_initializer),
        }

    def macs(self, input_shape, output_shape):
        """Of the predictions, of the sums after the first, which is even, and of the agreements."""
        below, dimension = input_shape
        return below * math.prod(output_shape) * (dimension + 2 * (self.iterations - 1))

    def window(self):
        """None: each capsule sees all below."""

    def _votes(self, u):
        below = u.shape[1]
        u = ops.transpose(u, (1, 0, 2))
        votes = ops.matmul(u, self.kernel)  # (i, n, j * dimension)
        votes = ops.reshape(votes, (below, -1, self.capsules, self.dimension))
        return ops.transpose(votes, (1, 2, 0, 3))


@keras.saving.register_keras_serializable("zoo")
class CapsuleLengths(layers.Layer):
    """The length of each capsule, the probability that what it stands for is there (section 3).

    Args:
        as_logits: Gives `10 (length - 1/2)` instead, for softmax cross-entropy. Unlike the log-odds of
            the length it is as precise as the length in integers; `lengths_of` undoes it.

    `(n, capsules, dimension)` to `(n, capsules)`.
    """

    def __init__(self, as_logits=False, **kwargs):
        super().__init__(**kwargs)
        self.as_logits = bool(as_logits)

    def call(self, v):
        wide = ops.cast(v, keras.backend.result_type(v.dtype, "float32"))
        lengths = ops.sqrt(ops.sum(ops.square(wide), axis=-1) + EPSILON)
        return ops.cast(GAIN * lengths - GAIN / 2 if self.as_logits else lengths, v.dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[:-1])

    def get_config(self):
        return {**super().get_config(), "as_logits": self.as_logits}


def lengths_of(logits):
    """The lengths behind the logits of `CapsuleLengths`; any shape to the same shape."""
    return logits / GAIN + 0.5
