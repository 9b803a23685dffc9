"""The two kinds of cells that the neocognitron alternates.

Fukushima, "Neocognitron: A Self-organizing Neural Network Model for a Mechanism of Pattern
Recognition Unaffected by Shift in Position", Biological Cybernetics 36, 1980, section 3
"""

import math

import keras
import numpy as np
from keras import ops

from zoo import arguments
from zoo.layers.windows import Windows, channels_last, image_format, in_format, joined_shape, split_shape

# Keeps the slope of the root finite where a window is empty.
SMALLEST_MEAN = 1e-6
# How far the mean response to an image of one brightness lies above the inhibition at the start.
INITIAL_GAIN, INITIAL_INHIBITION = 4.0, 0.5


class _Cells(keras.layers.Layer):
    """Arguments and geometry of both kinds: `same` windows, one stride, channels in either place."""

    def __init__(self, kernel_size, strides, data_format, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = arguments.positive(kernel_size, "kernel_size")
        self.strides = arguments.positive(strides, "strides")
        self.data_format = image_format(data_format)
        self.geometry = Windows((self.kernel_size,) * 2, (self.strides,) * 2, "same")
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images):
        # Squares of small responses vanish in float16.
        maps = ops.cast(channels_last(images, self.data_format), "float32")
        return in_format(ops.cast(self.responses(maps), self.compute_dtype), self.data_format)

    def responses(self, maps):
        """What the cells answer to maps `(n, h, w, c)`."""
        raise NotImplementedError(f"{type(self).__name__} does not define responses().")

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size, "data_format": self.data_format}

    def window(self):
        return self.kernel_size, self.strides, 1


@keras.saving.register_keras_serializable("zoo")
class SCells(_Cells):
    """Feature detectors: a convolution that an inhibition by the local energy divides and cuts.

    Equations 1 to 3, with the non-negative kernels `a` and inhibitory weights `b` trained:

        u = r relu((1 + e) / (1 + h) - 1),    e = sum a x,    h = 2 r / (1 + r) b v

    `v = sqrt(sum c x^2)` is the weighted root mean square of what the cell sees, the weights `c`
    falling off from the centre of the window and adding up to 1. So a cell answers only to inputs
    that resemble its kernel, the more exactly the larger `r` is. Computed as `r relu(e - h) / (1 + h)`.

    Args:
        filters: Planes of cells, each with a kernel of its own.
        kernel_size: Height and width of the window.
        selectivity: `r`, a positive number.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, h, w, filters)`, or the same with channels first.

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(self, filters, kernel_size=5, selectivity=4.0, data_format=None, **kwargs):
        super().__init__(kernel_size, 1, data_format, **kwargs)
        self.filters = arguments.positive(filters, "filters")
        self.selectivity = arguments.multiplier(selectivity, "selectivity")

    def build(self, input_shape):
        *_, channels = split_shape(input_shape, self.data_format)
        mean = INITIAL_GAIN / (self.kernel_size**2 * channels)
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        self.excitation = self.add_weight(
            shape,
            initializer=keras.initializers.RandomUniform(0.0, 2 * mean),
            constraint=keras.constraints.NonNeg(),
            name="excitation",
        )
        self.inhibition = self.add_weight(
            (self.filters,),
            initializer=keras.initializers.Constant(INITIAL_INHIBITION * INITIAL_GAIN / self._share()),
            constraint=keras.constraints.NonNeg(),
            name="inhibition",
        )

    def responses(self, maps):
        excitation = ops.cast(self.excitation, "float32")
        excited = ops.conv(maps, excitation, 1, "same", data_format="channels_last")
        inhibited = self._energy(maps) * (self._share() * ops.cast(self.inhibition, "float32"))
        return self.selectivity * ops.relu(excited - inhibited) / (1 + inhibited)

    def compute_output_shape(self, input_shape):
        n, sizes, _ = split_shape(input_shape, self.data_format)
        return joined_shape(n, sizes, self.filters, self.data_format)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "selectivity": self.selectivity}

    def macs(self, input_shape, output_shape):
        channels = split_shape((None, *input_shape), self.data_format)[-1]
        cells = math.prod(output_shape) // self.filters * (self.filters + 1)
        return cells * self.kernel_size**2 * channels

    def _share(self):
        return 2 * self.selectivity / (1 + self.selectivity)

    def _energy(self, maps):
        """`v`, one map for all planes: `(n, h, w, 1)`."""
        channels = maps.shape[-1]
        weights = np.repeat(falling_off(self.kernel_size)[:, :, None, None], channels, axis=2) / channels
        weights = ops.convert_to_tensor(weights, dtype="float32")
        squares = ops.conv(ops.square(maps), weights, 1, "same", data_format="channels_last")
        return ops.sqrt(squares + SMALLEST_MEAN)


@keras.saving.register_keras_serializable("zoo")
class CCells(_Cells):
    """Tolerance to shifts: each plane averaged over a window, less the average of all planes.

    Equations 4 to 6, nothing of which is trained:

        u = psi((1 + s) / (1 + v) - 1),    psi(x) = relu(x) / (alpha + relu(x))

    `s` is the weighted average of a plane of S-cells, the weights falling off from the centre of the
    window and adding up to 1, and `v` the mean of `s` over all planes.

    Args:
        kernel_size: Height and width of the window.
        strides: Distance between cells.
        saturation: `alpha`, the response at which `psi` is one half.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, ceil(h / strides), ceil(w / strides), c)`, or the same with channels first.

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(self, kernel_size=5, strides=2, saturation=0.5, data_format=None, **kwargs):
        super().__init__(kernel_size, strides, data_format, **kwargs)
        self.saturation = arguments.multiplier(saturation, "saturation")

    def responses(self, maps):
        kernel = np.repeat(falling_off(self.kernel_size)[:, :, None, None], maps.shape[-1], axis=2)
        kernel = ops.convert_to_tensor(kernel, dtype="float32")  # (size, size, c, 1)
        averages = ops.depthwise_conv(maps, kernel, self.strides, "same", data_format="channels_last")
        overall = ops.mean(averages, axis=-1, keepdims=True)
        above = ops.relu(averages - overall)
        return above / (self.saturation * (1 + overall) + above)

    def compute_output_shape(self, input_shape):
        n, sizes, channels = split_shape(input_shape, self.data_format)
        return joined_shape(n, self.geometry.counts(sizes), channels, self.data_format)

    def get_config(self):
        return {**super().get_config(), "strides": self.strides, "saturation": self.saturation}

    def macs(self, input_shape, output_shape):
        return math.prod(output_shape) * self.kernel_size**2


def falling_off(size):
    """A bell of `size` x `size` weights that add up to 1; its deviation is a quarter of its size."""
    places = np.arange(size) - (size - 1) / 2
    bell = np.exp(-np.square(4 * places / size) / 2)
    bell = np.outer(bell, bell)
    return bell / bell.sum()
