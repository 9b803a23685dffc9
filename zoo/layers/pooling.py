"""What pooling layers that Keras lacks have in common: windows over images, overlapping or not."""

import keras

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


class WindowPooling2D(keras.layers.Layer):
    """Pools windows of `pool_size`, `strides` apart; they overlap where the stride is less than the size.

    A subclass pools maps with channels last in `pooled(maps, training)`.

    Args:
        pool_size: Height and width of a window, or one integer for both.
        strides: Distance between windows; `pool_size` if left out.
        padding: "valid" or "same"; what lies outside the image is zero.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = arguments.pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else arguments.pair(strides, "strides")
        self.padding = arguments.choice(padding, "padding", PADDINGS)
        self.data_format = image_format(data_format)
        self.geometry = Windows(self.pool_size, self.strides, self.padding)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images, training=False):
        maps = channels_last(images, self.data_format)
        self.geometry.counts(maps.shape[1:-1])
        return in_format(self.pooled(maps, training), self.data_format)

    def pooled(self, maps, training):
        """`(n, h, w, c)` pooled to `(n, rows, columns, c)`."""
        raise NotImplementedError(f"{type(self).__name__} does not define pooled().")

    def compute_output_shape(self, input_shape):
        n, sizes, channels = split_shape(input_shape, self.data_format)
        return joined_shape(n, self.geometry.counts(sizes), channels, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }

    def window(self):
        return self.pool_size, self.strides, 1
