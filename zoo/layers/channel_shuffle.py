"""Channels split into branches and mixed between them.

Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices",
2018, section 3.1, https://arxiv.org/abs/1707.01083; split as in Ma et al., "ShuffleNet V2: Practical
Guidelines for Efficient CNN Architecture Design", 2018, section 3.2, https://arxiv.org/abs/1807.11164
"""

import keras
from keras import ops

from zoo import arguments


class _OverChannels(keras.layers.Layer):
    """Keeps the channels' axis and checks that a number of groups divides it."""

    def __init__(self, groups, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.groups = arguments.positive(groups, "groups")
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        channels = input_shape[self._axis()]
        if channels % self.groups:
            raise ValueError(
                f"groups={self.groups} do not divide the {channels} channels of {tuple(input_shape)}. "
                f"Pass a divisor of {channels}."
            )
        super().build(input_shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "data_format": self.data_format}

    def _axis(self):
        return 1 if self.data_format == "channels_first" else 3


@keras.saving.register_keras_serializable("zoo")
class ChannelShuffle(_OverChannels):
    """Deals the channels of `groups` blocks out in turn: output `i * groups + j` is block j's i-th.

    A reshape, a transposition and a reshape, none of which computes anything: integers stay as they
    are. With the positions in one axis, a converter writes them as three operators that a delegate
    takes; a gather along the channels would cut the graph there.

    Args:
        groups: A divisor of the number of channels.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to the same shape.

    Raises:
        ValueError: `groups` is not a positive integer, or does not divide the channels.
    """

    def call(self, x):
        shape, share = ops.shape(x), x.shape[self._axis()] // self.groups
        if self.data_format == "channels_first":
            x = ops.reshape(x, (shape[0], self.groups, share, -1))  # (n, groups, c / groups, h w)
            return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), shape)
        x = ops.reshape(x, (-1, self.groups, share))  # (n h w, groups, c / groups)
        return ops.reshape(ops.transpose(x, (0, 2, 1)), shape)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("zoo")
class ChannelSplit(_OverChannels):
    """Cuts the channels into `groups` equal blocks: `(n, h, w, c)` to a list of `(n, h, w, c / groups)`.

    Args:
        groups: A divisor of the number of channels.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    Raises:
        ValueError: `groups` is not a positive integer, or does not divide the channels.
    """

    def call(self, x):
        return ops.split(x, self.groups, axis=self._axis())

    def compute_output_shape(self, input_shape):
        part = list(input_shape)
        part[self._axis()] //= self.groups
        return [tuple(part)] * self.groups
