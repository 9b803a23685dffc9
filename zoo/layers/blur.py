"""Subsampling after a low-pass filter.

Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, https://arxiv.org/abs/1904.11486
"""

import math

import keras
import numpy as np
from keras import ops

from zoo import arguments
from zoo.layers.windows import Windows, channels_last, image_format, in_format, joined_shape, split_shape

PADDINGS = ("same", "reflect")


@keras.saving.register_keras_serializable("zoo")
class BlurPool2D(keras.layers.Layer):
    """Filters every channel with a binomial kernel, then keeps every `strides`-th pixel.

    The kernel is the outer product of a row of Pascal's triangle with itself, divided by its sum
    (`[1, 1]`, `[1, 2, 1]`, `[1, 4, 6, 4, 1]`, ...). It is not trained. Filter and
    subsampling are one depthwise convolution.

    Args:
        strides: Distance between the pixels that are kept, or two for `(height, width)`.
        filter_size: Pixels the kernel covers along each axis.
        padding: "same" puts zeros around the image, as a convolution does, and stays one operator;
            "reflect" mirrors the image at its border, as the paper does.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, ceil(h / strides), ceil(w / strides), c)`, or the same with channels first.

    Raises:
        ValueError: An argument is none of those, or an image is too small to be mirrored.
    """

    def __init__(self, strides=2, filter_size=3, padding="same", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.strides = arguments.pair(strides, "strides")
        self.filter_size = arguments.positive(filter_size, "filter_size")
        self.padding = arguments.choice(padding, "padding", PADDINGS)
        self.data_format = image_format(data_format)
        self.geometry = Windows((self.filter_size,) * 2, self.strides, "same")
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        _, sizes, _ = split_shape(input_shape, self.data_format)
        smallest = min((size for size in sizes if size is not None), default=self.filter_size)
        if self.padding == "reflect" and smallest < self.filter_size // 2 + 1:
            raise ValueError(
                f"An image of {sizes!r} can't be mirrored for filter_size={self.filter_size}: pass at least "
                f"{self.filter_size // 2 + 1} pixels along each axis, a smaller filter, or padding='same'."
            )

    def call(self, images):
        return in_format(self._blurred(channels_last(images, self.data_format)), self.data_format)

    def compute_output_shape(self, input_shape):
        n, sizes, channels = split_shape(input_shape, self.data_format)
        return joined_shape(n, self.geometry.counts(sizes), channels, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "strides": self.strides,
            "filter_size": self.filter_size,
            "padding": self.padding,
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        return math.prod(output_shape) * self.filter_size**2

    def window(self):
        return self.filter_size, self.strides, 1

    def _blurred(self, maps):
        kernel = binomial_kernel(self.filter_size)[:, :, None, None].repeat(maps.shape[-1], axis=2)
        kernel = ops.convert_to_tensor(kernel, dtype=maps.dtype)  # (size, size, c, 1)
        if self.padding == "reflect":
            return _filtered(self._mirrored(maps), kernel, self.strides, "valid")
        if self.strides[0] == self.strides[1]:
            return _filtered(maps, kernel, self.strides, "same")
        return _filtered(self.geometry.padded(maps), kernel, self.strides, "valid")

    def _mirrored(self, maps):
        before = (self.filter_size - 1) // 2
        margin = (before, self.filter_size - 1 - before)
        return ops.pad(maps, ((0, 0), margin, margin, (0, 0)), mode="reflect")


@keras.saving.register_keras_serializable("zoo")
class MaxBlurPool2D(keras.layers.Layer):
    """The maximum of every window at stride 1, then `BlurPool2D`.

    Max pooling without its aliasing (section 3.2): the maximum itself is equivariant to
    shifts, only what is dropped afterwards has to be filtered.

    Args:
        pool_size: Height and width of the windows of the maximum, or one integer for both.
        strides: Distance between the pixels that are kept, or two for `(height, width)`.
        filter_size, padding, data_format: As for `BlurPool2D`. The windows of the maximum are padded
            as in `keras.layers.MaxPooling2D(padding="same")`.

    `(n, h, w, c)` to `(n, ceil(h / strides), ceil(w / strides), c)`, or the same with channels first.

    Raises:
        ValueError: An argument is none of those, or an image is too small to be mirrored.
    """

    def __init__(self, pool_size=2, strides=2, filter_size=3, padding="same", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = arguments.pair(pool_size, "pool_size")
        self.blur = BlurPool2D(
            strides, filter_size, padding, data_format, dtype=self.dtype_policy, name="blur"
        )
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        self.blur.build(input_shape)

    def call(self, images):
        maxima = ops.max_pool(images, self.pool_size, 1, "same", data_format=self.blur.data_format)
        return self.blur(maxima)

    def compute_output_shape(self, input_shape):
        return self.blur.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.blur.strides,
            "filter_size": self.blur.filter_size,
            "padding": self.blur.padding,
            "data_format": self.blur.data_format,
        }

    def macs(self, input_shape, output_shape):
        return self.blur.macs(input_shape, output_shape)

    def window(self):
        kernel = tuple(size + self.blur.filter_size - 1 for size in self.pool_size)
        return kernel, self.blur.strides, 1


def binomial_kernel(size):
    """`(size, size)`, float32, with a sum of 1: `binomial_kernel(3)[1] == [1/8, 1/4, 1/8]`."""
    row = np.array([math.comb(size - 1, place) for place in range(size)], "float64")
    return (np.outer(row, row) / row.sum() ** 2).astype("float32")


def _filtered(maps, kernel, strides, padding):
    """Channels last. TensorFlow's depthwise convolution takes one stride for both axes."""
    rows, columns = strides
    together = rows if rows == columns else 1
    maps = ops.depthwise_conv(maps, kernel, together, padding, data_format="channels_last")
    return maps if rows == columns else maps[:, ::rows, ::columns]
