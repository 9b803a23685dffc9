"""Convolutions that share no weights: every position has a kernel of its own.

LeCun, "Generalization and Network Design Strategies", 1989, the net with local connections
and no weight sharing; Taigman et al., "DeepFace", 2014, layers L4 to L6. Keras 3 has
dropped the layers of these names.
"""

import math

import keras
from keras import ops

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


class _LocallyConnected(keras.layers.Layer):
    """Along `rank` spatial axes; see `LocallyConnected2D`."""

    rank = None

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = arguments.positive(filters, "filters")
        self.kernel_size = self._per_axis(kernel_size, "kernel_size")
        self.strides = self._per_axis(strides, "strides")
        self.padding = arguments.choice(padding, "padding", PADDINGS)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.data_format = image_format(data_format)
        self.geometry = Windows(self.kernel_size, self.strides, self.padding)
        self.input_spec = keras.layers.InputSpec(ndim=self.rank + 2)

    def build(self, input_shape):
        _, sizes, channels = split_shape(input_shape, self.data_format)
        if None in (*sizes, channels):
            raise ValueError(
                f"{type(self).__name__} can't take maps of {tuple(input_shape)!r}: it has weights for every "
                "position. Give the model's input fixed sizes."
            )
        positions = math.prod(self.geometry.counts(sizes))
        self.kernel = self.add_weight(
            name="kernel",
            shape=(positions, math.prod(self.kernel_size) * channels, self.filters),
            initializer=_each_position(self.kernel_initializer, positions),
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(positions, self.filters), initializer=self.bias_initializer
            )

    def call(self, maps):
        taps = self.geometry.taps(channels_last(maps, self.data_format))
        seen = ops.concatenate(taps, axis=-1)  # (n, *counts, taps * c)
        positions, size, _ = self.kernel.shape
        seen = ops.transpose(ops.reshape(seen, (-1, positions, size)), (1, 0, 2))
        outputs = ops.transpose(ops.matmul(seen, self.kernel), (1, 0, 2))  # (n, positions, filters)
        if self.use_bias:
            outputs = outputs + self.bias
        outputs = self.activation(ops.reshape(outputs, (-1, *taps[0].shape[1:-1], self.filters)))
        return in_format(outputs, self.data_format)

    def compute_output_shape(self, input_shape):
        n, sizes, _ = split_shape(input_shape, self.data_format)
        return joined_shape(n, self.geometry.counts(sizes), self.filters, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        return math.prod(self.kernel.shape)

    def window(self):
        return self.kernel_size, self.strides, 1

    def _per_axis(self, value, name):
        raise NotImplementedError(f"{type(self).__name__} does not define _per_axis().")


@keras.saving.register_keras_serializable("zoo")
class LocallyConnected1D(_LocallyConnected):
    """`LocallyConnected2D` along one axis: `(n, steps, c)` to `(n, steps', filters)`.

    `kernel_size` and `strides` are one integer.
    """

    rank = 1

    def _per_axis(self, value, name):
        single = value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value
        return (arguments.positive(single, name),)


@keras.saving.register_keras_serializable("zoo")
class LocallyConnected2D(_LocallyConnected):
    """`y[p] = activation(W[p] x[p] + b[p])`, `x[p]` being the window at position `p`.

    A convolution whose kernel and bias are those of the position. `kernel` has the shape
    `(rows * columns, height * width * c, filters)`, `bias` `(rows * columns, filters)`.

    Args:
        filters: Channels of the output.
        kernel_size: Height and width of a window, or one integer for both.
        strides: Distance between windows, likewise.
        padding: "valid" or "same"; what lies outside the map is zero.
        activation: Name of an activation, or a function.
        use_bias: Whether there is a bias.
        kernel_initializer: Name of an initialiser; fans are those of one position.
        bias_initializer: Name of an initialiser.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, rows, columns, filters)`, or the same with channels first.

    Raises:
        ValueError: An argument is none of those, or the map's size is not fixed.
    """

    rank = 2

    def _per_axis(self, value, name):
        return arguments.pair(value, name)


def _each_position(initializer, positions):
    """`initializer` with the variance it would give the kernel of one position.

    Variance scaling takes leading axes for a convolution's window, over which outputs add up.
    """
    if not isinstance(initializer, keras.initializers.VarianceScaling):
        return initializer
    return lambda shape, dtype=None: initializer(shape, dtype=dtype) * math.sqrt(positions)
