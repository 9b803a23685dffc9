"""Bicubic reduction, how a picture comes to be small where super-resolution is measured.

Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE Transactions on Acoustics,
Speech, and Signal Processing 29(6), 1981, with a = -1/2; the kernel is stretched by the factor, which
keeps the result free of aliasing.
"""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class BicubicDownsampling2D(keras.layers.Layer):
    """Makes images `factor` times smaller, with values of 8 bits as in a picture that was stored.

    Args:
        factor: An integer, or two for `(height, width)`.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)`, of values in `[0, 1]`, to `(n, h / factor[0], w / factor[1], c)`, of multiples of
    1/255 in `[0, 1]`; or the same with channels first.

    Raises:
        ValueError: `factor` is not one or two positive integers, or does not divide the image.
    """

    def __init__(self, factor=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = arguments.pair(factor, "factor")
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images):
        small = ops.image.resize(
            images,
            self._reduced(images.shape),
            interpolation="bicubic",
            antialias=True,
            data_format=self.data_format,
        )
        return ops.round(ops.clip(small, 0, 1) * 255) / 255

    def compute_output_shape(self, input_shape):
        first = self._height_axis()
        return (*input_shape[:first], *self._reduced(input_shape), *input_shape[first + 2 :])

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "data_format": self.data_format}

    def _height_axis(self):
        return 2 if self.data_format == "channels_first" else 1

    def _reduced(self, shape):
        first = self._height_axis()
        sizes = tuple(shape[first : first + 2])
        if None in sizes or any(size % factor for size, factor in zip(sizes, self.factor, strict=True)):
            raise ValueError(
                f"Images of {sizes} do not become {self.factor} times smaller in whole pixels: expected a "
                "height and a width that the factor divides. Pass another factor, or crop the images."
            )
        return tuple(size // factor for size, factor in zip(sizes, self.factor, strict=True))
