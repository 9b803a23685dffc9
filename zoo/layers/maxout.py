"""Units that give the largest of several affine functions.

Goodfellow, Warde-Farley, Mirza, Courville & Bengio, "Maxout Networks", 2013, section 3,
https://arxiv.org/abs/1302.4389
"""

import math

import keras

from zoo import arguments
from zoo.layers.channel_pooling import ChannelMaxPooling
from zoo.layers.windows import PADDINGS, image_format


@keras.saving.register_keras_serializable("zoo")
class Maxout(keras.layers.Layer):
    """`y_i = max_j (W_ij x + b_ij)` over `pieces` affine functions a unit.

    Args:
        units: Width of the output.
        pieces: Affine functions of each unit.
        kernel_initializer: Name of an initialiser.

    `(n, ..., c)` to `(n, ..., units)`.

    Raises:
        ValueError: An argument is not a positive integer.
    """

    def __init__(self, units, pieces=2, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units = arguments.positive(units, "units")
        self.pieces = arguments.positive(pieces, "pieces")
        self.affine = keras.layers.Dense(
            self.units * self.pieces,
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
            name="affine",
        )
        self.largest = ChannelMaxPooling(
            self.pieces, data_format="channels_last", dtype=self.dtype_policy, name="largest"
        )

    def build(self, input_shape):
        self.affine.build(input_shape)

    def call(self, inputs):
        return self.largest(self.affine(inputs))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": keras.initializers.serialize(self.affine.kernel_initializer),
        }

    def macs(self, input_shape, output_shape):
        return math.prod(input_shape) * self.units * self.pieces


@keras.saving.register_keras_serializable("zoo")
class MaxoutConv2D(keras.layers.Layer):
    """Maxout over the channels of a convolution: each map is the largest of `pieces` feature maps.

    Args:
        filters: Channels of the output.
        kernel_size: Height and width of the kernel, or one integer for both.
        pieces: Feature maps of each channel.
        strides: Distance between windows, one integer or two.
        padding: "valid" or "same".
        kernel_initializer: Name of an initialiser.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, h', w', filters)`, or the same with channels first.

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        pieces=2,
        strides=1,
        padding="valid",
        kernel_initializer="glorot_uniform",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = arguments.positive(filters, "filters")
        self.pieces = arguments.positive(pieces, "pieces")
        self.padding = arguments.choice(padding, "padding", PADDINGS)
        self.data_format = image_format(data_format)
        self.affine = keras.layers.Conv2D(
            self.filters * self.pieces,
            arguments.pair(kernel_size, "kernel_size"),
            arguments.pair(strides, "strides"),
            self.padding,
            self.data_format,
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
            name="affine",
        )
        self.largest = ChannelMaxPooling(
            self.pieces, data_format=self.data_format, dtype=self.dtype_policy, name="largest"
        )

    def build(self, input_shape):
        self.affine.build(input_shape)

    def call(self, images):
        return self.largest(self.affine(images))

    def compute_output_shape(self, input_shape):
        return self.largest.compute_output_shape(self.affine.compute_output_shape(input_shape))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.affine.kernel_size,
            "pieces": self.pieces,
            "strides": self.affine.strides,
            "padding": self.padding,
            "kernel_initializer": keras.initializers.serialize(self.affine.kernel_initializer),
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        return math.prod(output_shape) // self.filters * math.prod(self.affine.kernel.shape)

    def window(self):
        return self.affine.kernel_size, self.affine.strides, 1
