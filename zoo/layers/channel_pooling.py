"""Maximum over groups of channels.

Goodfellow et al., "Maxout Networks", 2013, section 3, https://arxiv.org/abs/1302.4389: pooling
across channels makes the feature maps of a convolution maxout units.
"""

import keras
from keras import ops

from zoo import arguments
from zoo.layers.windows import channels_last, image_format, in_format, joined_shape, split_shape


@keras.saving.register_keras_serializable("zoo")
class ChannelMaxPooling(keras.layers.Layer):
    """`y[..., j] = max(x[..., j s], ..., x[..., j s + k - 1])` with `k` = `pool_size`, `s` = `strides`.

    Groups overlap where the stride is less than the size.

    Args:
        pool_size: Channels of a group.
        strides: Channels between the starts of two groups; `pool_size` if left out.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, ..., c)` to `(n, ..., (c - pool_size) / strides + 1)`, or the same with channels first.

    Raises:
        ValueError: An argument is none of those, or the groups leave channels out.
    """

    def __init__(self, pool_size=2, strides=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = arguments.positive(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else arguments.positive(strides, "strides")
        self.data_format = image_format(data_format)
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    def call(self, maps):
        maps = channels_last(maps, self.data_format)
        n, *sizes, channels = ops.shape(maps)
        groups = self._groups(channels)
        # Channels as the columns of an image of one channel: one pooling operator does it.
        columns = ops.reshape(maps, (n, -1, channels, 1))
        pooled = ops.max_pool(
            columns, (1, self.pool_size), (1, self.strides), "valid", data_format="channels_last"
        )
        pooled = ops.reshape(pooled, (n, *sizes, groups))
        return in_format(pooled, self.data_format)

    def compute_output_shape(self, input_shape):
        n, sizes, channels = split_shape(input_shape, self.data_format)
        return joined_shape(n, sizes, self._groups(channels), self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "data_format": self.data_format,
        }

    def _groups(self, channels):
        groups, left = divmod(channels - self.pool_size, self.strides)
        if groups < 0 or left:
            raise ValueError(
                f"{channels} channels are not covered by groups of pool_size={self.pool_size} with "
                f"strides={self.strides}. Pass a multiple of {self.strides} plus {self.pool_size} channels, "
                "or another size."
            )
        return groups + 1
