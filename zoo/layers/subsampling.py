"""Subsampling with a trained gain and offset, as in the LeNets.

LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998,
section II.B, layer S2
"""

import math

import keras
from keras import ops

from zoo import arguments
from zoo.layers.windows import Windows, channels_last, image_format, in_format, joined_shape, split_shape


@keras.saving.register_keras_serializable("zoo")
class TrainableSubsampling2D(keras.layers.Layer):
    """`f(a_c * sum of the window + b_c)` with one coefficient `a` and one bias `b` a map.

    Windows lie side by side; what they leave at the end of an axis is not seen. The coefficients
    start where the sum becomes the mean. Sum, coefficient and bias are one depthwise convolution.

    Args:
        pool_size: Height and width of a window, an integer.
        activation: `f`, whatever Keras takes as an activation; none by default.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, h // pool_size, w // pool_size, c)`, or the same with channels first;
    `2 c` parameters.

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(self, pool_size=2, activation=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = arguments.positive(pool_size, "pool_size")
        self.activation = keras.activations.get(activation)
        self.data_format = image_format(data_format)
        self.geometry = Windows((self.pool_size,) * 2, (self.pool_size,) * 2, "valid")
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        _, sizes, channels = split_shape(input_shape, self.data_format)
        self.geometry.counts(sizes)
        mean = keras.initializers.Constant(1 / self.pool_size**2)
        self.coefficient = self.add_weight((channels,), initializer=mean, name="coefficient")
        self.bias = self.add_weight((channels,), initializer="zeros", name="bias")

    def call(self, images):
        maps = channels_last(images, self.data_format)
        shape = (self.pool_size, self.pool_size, maps.shape[-1], 1)
        coefficient = ops.convert_to_tensor(self.coefficient)  # as compute dtype
        kernel = ops.broadcast_to(coefficient[:, None], shape)
        maps = ops.depthwise_conv(maps, kernel, self.pool_size, "valid", data_format="channels_last")
        return in_format(self.activation(maps + self.bias), self.data_format)

    def compute_output_shape(self, input_shape):
        n, sizes, channels = split_shape(input_shape, self.data_format)
        return joined_shape(n, self.geometry.counts(sizes), channels, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "activation": keras.activations.serialize(self.activation),
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        return math.prod(output_shape) * self.pool_size**2

    def window(self):
        return self.pool_size, self.pool_size, 1
