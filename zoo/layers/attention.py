"""Attention of convolutional networks: over channels, over places and over time.

What a layer attends to is read by its method `attention`, on arrays as on the symbolic tensors of a
model: `keras.Model(model.input, layer.attention(layer.input))` gives the map of any image.
"""

import math

import keras
from keras import layers, ops

from zoo import arguments


class _Attention(layers.Layer):
    """Multiplies its input with `attention(x)`, of a shape that broadcasts."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = layers.InputSpec(ndim=4)

    def call(self, x):
        return x * self.attention(x)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}

    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else 3


@keras.saving.register_keras_serializable("zoo")
class ChannelAttention(_Attention):
    """Squeeze and excitation: weighs channels by what the whole map holds.

    `x sigmoid(W2 relu(W1 mean(x)))` (Hu, Shen & Sun, "Squeeze-and-Excitation Networks", 2018,
    equations 2 and 3, https://arxiv.org/abs/1709.01507). With `use_max` it is the channel attention
    of Woo et al., "CBAM", 2018, equation 2, https://arxiv.org/abs/1807.06521:
    `x sigmoid(W2 relu(W1 mean(x)) + W2 relu(W1 max(x)))`.

    Args:
        ratio: The hidden layer has `max(1, channels // ratio)` units.
        use_max: Squeezes by the maximum too.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to the same shape.

    Raises:
        ValueError: `ratio` is not a positive integer.
    """

    def __init__(self, ratio=16, use_max=False, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.ratio = arguments.positive(ratio, "ratio")
        self.use_max = bool(use_max)

    def build(self, input_shape):
        channels = input_shape[self._channel_axis()]
        hidden = max(1, channels // self.ratio)
        policy = self.dtype_policy
        self.squeeze = layers.Dense(hidden, activation="relu", dtype=policy, name=f"{self.name}_squeeze")
        self.excite = layers.Dense(channels, dtype=policy, name=f"{self.name}_excite")
        self.squeeze.build((None, channels))
        self.excite.build((None, hidden))

    def attention(self, x):
        """The weight of each channel, in (0, 1): `(n, h, w, c)` to `(n, 1, 1, c)`."""
        space = (2, 3) if self.data_format == "channels_first" else (1, 2)
        scores = self.excite(self.squeeze(ops.mean(x, axis=space)))
        if self.use_max:
            scores = scores + self.excite(self.squeeze(ops.max(x, axis=space)))
        return ops.expand_dims(ops.sigmoid(scores), space)

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio, "use_max": self.use_max}

    def macs(self, input_shape, output_shape):
        """Of both dense layers, and of the product with the map."""
        channels = input_shape[self._channel_axis() - 1]
        dense = 2 * channels * max(1, channels // self.ratio)
        return dense * (1 + self.use_max) + math.prod(output_shape)

    def window(self):
        """None: the weights depend on the whole map."""


@keras.saving.register_keras_serializable("zoo")
class SpatialAttention(_Attention):
    """Weighs places by the mean and the maximum of their channels.

    `x sigmoid(conv([mean_c(x); max_c(x)]))` (Woo et al., "CBAM", 2018, equation 3,
    https://arxiv.org/abs/1807.06521).

    Args:
        kernel_size: Of the convolution, an integer or `(height, width)`.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to the same shape.

    Raises:
        ValueError: `kernel_size` is not one or two positive integers.
    """

    def __init__(self, kernel_size=7, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.kernel_size = arguments.pair(kernel_size, "kernel_size")
        self.conv = layers.Conv2D(
            1,
            self.kernel_size,
            padding="same",
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=f"{self.name}_conv",
        )

    def build(self, input_shape):
        pooled = list(input_shape)
        pooled[self._channel_axis()] = 2
        self.conv.build(tuple(pooled))

    def attention(self, x):
        """The weight of each place, in (0, 1): `(n, h, w, c)` to `(n, h, w, 1)`."""
        axis = self._channel_axis()
        pooled = [ops.mean(x, axis=axis, keepdims=True), ops.max(x, axis=axis, keepdims=True)]
        return ops.sigmoid(self.conv(ops.concatenate(pooled, axis=axis)))

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}

    def macs(self, input_shape, output_shape):
        """Of the convolution, and of the product with the map."""
        places = math.prod(input_shape) // input_shape[self._channel_axis() - 1]
        return 2 * places * math.prod(self.kernel_size) + math.prod(output_shape)

    def window(self):
        """The convolution's."""
        return self.kernel_size, 1, 1


@keras.saving.register_keras_serializable("zoo")
class TemporalAttention(layers.Layer):
    """Sums a sequence's steps, each weighed by how much it tells.

    `u_t = tanh(W h_t + b)`, `a_t = softmax_t(u_t . u)`, `s = sum_t a_t h_t` (Yang et al.,
    "Hierarchical Attention Networks for Document Classification", 2016, equations 5 to 7,
    https://aclanthology.org/N16-1174).

    Args:
        units: Length of u.

    `(n, steps, d)` to `(n, d)`.

    Raises:
        ValueError: `units` is not a positive integer.
    """

    def __init__(self, units=64, **kwargs):
        super().__init__(**kwargs)
        self.units = arguments.positive(units, "units")
        policy = self.dtype_policy
        self.hidden = layers.Dense(self.units, activation="tanh", dtype=policy, name=f"{self.name}_hidden")
        self.context = layers.Dense(1, use_bias=False, dtype=policy, name=f"{self.name}_context")
        self.input_spec = layers.InputSpec(ndim=3)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.context.build((*input_shape[:2], self.units))

    def call(self, x):
        weights = ops.expand_dims(self.attention(x), 1)  # (n, 1, steps)
        return ops.squeeze(ops.matmul(weights, x), axis=1)

    def attention(self, x):
        """The weight of each step; they sum to 1: `(n, steps, d)` to `(n, steps)`."""
        return ops.softmax(ops.squeeze(self.context(self.hidden(x)), axis=2), axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])

    def get_config(self):
        return {**super().get_config(), "units": self.units}

    def macs(self, input_shape, output_shape):
        """Of the hidden layer, of its product with u, and of the sum."""
        steps, features = input_shape
        return steps * (features * self.units + self.units + features)

    def window(self):
        """None: the sum sees every step."""
