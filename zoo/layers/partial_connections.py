"""Convolution in which each output map sees only some of the input maps.

LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998,
section II.B, layer C3 and table I
"""

import math

import keras
import numpy as np
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


@keras.saving.register_keras_serializable("zoo")
class PartialConv2D(keras.layers.Layer):
    """`y_o = f(b_o + sum of w_oi * x_i over the i in connections[o])`, `*` being a convolution.

    Only kernels of connections that exist are stored and trained. They are laid out as an ordinary
    kernel with zeros elsewhere, so that an exported file holds one ordinary convolution.

    Args:
        connections: One sequence an output map: the indices, from 0, of the input maps it sees.
        kernel_size: Height and width, or one integer for both.
        activation: `f`, whatever Keras takes as an activation; none by default.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, h - height + 1, w - width + 1, len(connections))` with `valid` padding, or
    the same with channels first. Each kernel starts uniformly between `-k` and `k` with
    `k = sqrt(3 / inputs of its output unit)`.

    Raises:
        ValueError: `connections` names no map, one map twice, or a map that the input lacks.
    """

    def __init__(
        self, connections, kernel_size, activation=None, padding="valid", data_format=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.connections = _table(connections)
        self.kernel_size = arguments.pair(kernel_size, "kernel_size")
        self.activation = keras.activations.get(activation)
        self.padding = arguments.choice(padding, "padding", PADDINGS)
        self.data_format = image_format(data_format)
        self.geometry = Windows(self.kernel_size, (1, 1), self.padding)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        *_, channels = split_shape(input_shape, self.data_format)
        last = max(map(max, self.connections))
        if last >= channels:
            raise ValueError(
                f"connections name the input map {last}, but the input {tuple(input_shape)} has {channels} "
                f"maps, 0 to {channels - 1}. Pass an input with at least {last + 1} maps or another table."
            )
        count = sum(map(len, self.connections))
        shape = (*self.kernel_size, count)
        self.kernel = self.add_weight(shape, initializer=self._initial_kernel, name="kernel")
        self.bias = self.add_weight((len(self.connections),), initializer="zeros", name="bias")

    def call(self, images):
        maps = channels_last(images, self.data_format)
        kernel = self._full_kernel(maps.shape[-1])
        maps = ops.conv(maps, kernel, 1, self.padding, data_format="channels_last")
        return in_format(self.activation(maps + self.bias), self.data_format)

    def compute_output_shape(self, input_shape):
        n, sizes, _ = split_shape(input_shape, self.data_format)
        return joined_shape(n, self.geometry.counts(sizes), len(self.connections), self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "connections": self.connections,
            "kernel_size": self.kernel_size,
            "activation": keras.activations.serialize(self.activation),
            "padding": self.padding,
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        """Those of the ordinary convolution, which multiplies the zeros too."""
        channels = split_shape((None, *input_shape), self.data_format)[-1]
        return math.prod(output_shape) * math.prod(self.kernel_size) * channels

    def window(self):
        return self.kernel_size, 1, 1

    def _full_kernel(self, channels):
        """`(height, width, channels, outputs)`, zero where there is no connection."""
        filters = len(self.connections)
        places = [i * filters + o for o, row in enumerate(self.connections) for i in row]
        layout = np.eye(channels * filters)[places]  # (connections, channels * outputs)
        taps = ops.reshape(self.kernel, (-1, len(places)))
        full = ops.matmul(taps, ops.convert_to_tensor(layout, dtype=self.compute_dtype))
        return ops.reshape(full, (*self.kernel_size, channels, filters))

    def _initial_kernel(self, shape, dtype=None):
        inputs = [len(row) * math.prod(self.kernel_size) for row in self.connections for _ in row]
        bounds = ops.convert_to_tensor(np.sqrt(3 / np.array(inputs)), dtype=dtype)
        return bounds * keras.random.uniform(shape, -1, 1, dtype=dtype)


def _table(connections):
    try:
        table = tuple(tuple(int(i) for i in row) for row in connections)
    except (TypeError, ValueError):
        table = ()
    if not table or not all(row and min(row) >= 0 and len(set(row)) == len(row) for row in table):
        raise ValueError(
            f"connections={connections!r}: expected one sequence an output map with the indices of the "
            "input maps it sees, each at least 0 and named once, such as ((0, 1), (1, 2), (0, 2))."
        )
    return table
