"""Nearest-neighbour upsampling that stays one operator on the edge.

`keras.layers.UpSampling2D(interpolation="nearest")` repeats along each axis, which a converter
writes as a reshape and a tile, twice. A resize is written as RESIZE_NEAREST_NEIGHBOR, once.
"""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class NearestUpsampling2D(keras.layers.Layer):
    """Repeats every pixel `factor` times along height and width.

    Args:
        factor: An integer, or two for `(height, width)`.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, h * factor[0], w * factor[1], c)`, or the same with channels first.

    Raises:
        ValueError: `factor` is not one or two positive integers.
    """

    def __init__(self, factor=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = arguments.pair(factor, "factor")
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images):
        if None in self._upsampled(images.shape):
            return self._repeated(images)
        return ops.image.resize(
            images,
            self._upsampled(images.shape),
            interpolation="nearest",
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape):
        first = self._height_axis()
        return (*input_shape[:first], *self._upsampled(input_shape), *input_shape[first + 2 :])

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "data_format": self.data_format}

    def _height_axis(self):
        return 2 if self.data_format == "channels_first" else 1

    def _repeated(self, images):
        # A resize takes only sizes that are known when the graph is built.
        first = self._height_axis()
        for axis, factor in enumerate(self.factor, start=first):
            images = ops.repeat(images, factor, axis=axis)
        return images

    def _upsampled(self, shape):
        first = self._height_axis()
        sizes = zip(shape[first : first + 2], self.factor, strict=True)
        return tuple(None if size is None else size * factor for size, factor in sizes)
