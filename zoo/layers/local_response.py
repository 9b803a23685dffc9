"""Normalisation of each value by its neighbours in other channels.

Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
2012, section 3.3
"""

import math

import keras
import numpy as np
from keras import ops

from zoo import arguments
from zoo.layers.windows import channels_last, image_format, in_format


@keras.saving.register_keras_serializable("zoo")
class LocalResponseNormalization(keras.layers.Layer):
    """`b_i = a_i / (k + alpha * sum of a_j^2 over the channels j next to i)^beta`.

    The neighbours are channel `i` and `size // 2` channels on either side of it, as far as they
    exist; `alpha` multiplies the sum, not the mean. TensorFlow Lite's operator of that name has no
    integer kernel: here the sum is a 1 x 1 convolution with a band of constants, and the power an
    exponential of a logarithm, which have one.

    Args:
        size: Channels that are summed, an odd integer.
        alpha, beta, k: The constants of the equation; the paper's by default.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to the same shape.

    Raises:
        ValueError: `size` is no odd positive integer, or a constant is not positive.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=2.0, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size = arguments.positive(size, "size")
        if self.size % 2 == 0:
            raise ValueError(
                f"size={size!r}: expected an odd number of channels, as many on either side. "
                f"Pass size={self.size - 1} or size={self.size + 1}."
            )
        self.alpha = arguments.multiplier(alpha, "alpha")
        self.beta = arguments.multiplier(beta, "beta")
        self.k = arguments.multiplier(k, "k")
        self.data_format = image_format(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images):
        # Squares overflow in float16.
        maps = ops.cast(channels_last(images, self.data_format), "float32")
        sums = ops.conv(ops.square(maps), self._band(maps.shape[-1]), 1, "valid", data_format="channels_last")
        maps = maps * ops.exp(-self.beta * ops.log(sums + self.k))
        return in_format(ops.cast(maps, self.compute_dtype), self.data_format)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "k": self.k,
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        channels = input_shape[0 if self.data_format == "channels_first" else -1]
        return math.prod(input_shape) * channels

    def _band(self, channels):
        """`(1, 1, c, c)`: alpha where two channels are neighbours, else 0."""
        index = np.arange(channels)
        near = abs(index[:, None] - index) <= self.size // 2
        return ops.convert_to_tensor(self.alpha * near[None, None], dtype="float32")
