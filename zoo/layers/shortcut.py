"""The shortcut without weights, around a residual block that changes the shape of its input."""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class IdentityShortcut2D(keras.layers.Layer):
    """Takes every `strides`-th pixel and appends channels of zeros.

    He et al., "Deep Residual Learning for Image Recognition", 2015, section 4.1, option A,
    https://arxiv.org/abs/1512.03385

    Args:
        filters: Channels of the output, at least those of the input.
        strides: An integer, or two for `(height, width)`.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, ceil(h / strides[0]), ceil(w / strides[1]), filters)`, or the same with
    channels first.

    Raises:
        ValueError: `filters` or `strides` are not positive integers, or the input is wider.
    """

    def __init__(self, filters, strides=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = arguments.positive(filters, "filters")
        self.strides = arguments.pair(strides, "strides")
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images):
        rows, columns = self.strides
        missing = [(0, 0)] * 4
        missing[self._channel_axis()] = (0, self._missing(images.shape))
        if self.data_format == "channels_first":
            return ops.pad(images[:, :, ::rows, ::columns], missing)
        return ops.pad(images[:, ::rows, ::columns, :], missing)

    def compute_output_shape(self, input_shape):
        self._missing(input_shape)
        first = 2 if self.data_format == "channels_first" else 1
        sizes = zip(input_shape[first : first + 2], self.strides, strict=True)
        sizes = [None if size is None else -(-size // stride) for size, stride in sizes]
        if self.data_format == "channels_first":
            return (input_shape[0], self.filters, *sizes)
        return (input_shape[0], *sizes, self.filters)

    def window(self):
        return 1, self.strides, 1

    def get_config(self):
        config = {"filters": self.filters, "strides": self.strides, "data_format": self.data_format}
        return {**super().get_config(), **config}

    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else 3

    def _missing(self, shape):
        channels = shape[self._channel_axis()]
        if channels > self.filters:
            raise ValueError(
                f"filters={self.filters}: the input has {channels} channels, and an identity "
                f"shortcut only adds some. Pass filters={channels} or more."
            )
        return self.filters - channels
