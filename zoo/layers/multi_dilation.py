"""One convolution whose filters see the image at several scales.

Dilated convolution: Yu & Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2016,
equation 2, https://arxiv.org/abs/1511.07122; several rates side by side: Chen et al., "DeepLab",
2017, section 3.2, https://arxiv.org/abs/1606.00915
"""

import math

import keras
from keras import ops

from zoo import arguments
from zoo.layers.windows import PADDINGS, image_format, joined_shape, split_shape


@keras.saving.register_keras_serializable("zoo")
class MultiDilationConv2D(keras.layers.Layer):
    """A convolution whose filters are shared out between dilation rates.

    Filter `j`, of rate `l`, gives `y[p, j] = activation(sum_t k[t, j] x[p + l t] + b[j])`. The first
    rate has the first filters; where they don't divide, the first rates have one more. The kernel is
    that of a `Conv2D`: `(height, width, c, filters)`. With "valid" padding the maps of the smaller
    rates are cropped evenly to that of the largest.

    Args:
        filters: Channels of the output, at least one a rate.
        kernel_size: Height and width of the kernel, or one integer for both.
        dilation_rates: Distances between the kernel's taps.
        padding: "valid" or "same".
        activation: Name of an activation, or a function.
        use_bias: Whether there is a bias.
        kernel_initializer: Name of an initialiser.
        bias_initializer: Name of an initialiser.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, h, w, filters)` with "same" padding, or the same with channels first.

    Raises:
        ValueError: An argument is none of those, or there are fewer filters than rates.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        dilation_rates=(1, 2, 4),
        padding="same",
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = arguments.positive(filters, "filters")
        self.kernel_size = arguments.pair(kernel_size, "kernel_size")
        self.dilation_rates = arguments.positives(dilation_rates, "dilation_rates")
        self.padding = arguments.choice(padding, "padding", PADDINGS)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.data_format = image_format(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)
        if self.filters < len(self.dilation_rates):
            raise ValueError(
                f"filters={filters!r} can't be shared out between dilation_rates={dilation_rates!r}: pass at "
                f"least {len(self.dilation_rates)} filters or fewer rates."
            )

    def build(self, input_shape):
        *_, channels = split_shape(input_shape, self.data_format)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels, self.filters),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer=self.bias_initializer)

    def call(self, images):
        kernel = ops.convert_to_tensor(self.kernel)
        bias = ops.convert_to_tensor(self.bias) if self.use_bias else None
        maps, first = [], 0
        for rate, width in zip(self.dilation_rates, self.shares(), strict=True):
            part = slice(first, first + width)
            # Bias and activation belong to each convolution, into which a converter folds them.
            maps.append(
                self._convolved(images, kernel[..., part], bias if bias is None else bias[part], rate)
            )
            first += width
        return ops.concatenate(maps, axis=self._channel_axis())

    def shares(self):
        """Filters of each rate."""
        rates = len(self.dilation_rates)
        return [self.filters // rates + (i < self.filters % rates) for i in range(rates)]

    def compute_output_shape(self, input_shape):
        n, sizes, _ = split_shape(input_shape, self.data_format)
        if self.padding == "valid":
            spans = [(size - 1) * max(self.dilation_rates) for size in self.kernel_size]
            pairs = zip(sizes, spans, strict=True)
            sizes = [None if size is None else size - span for size, span in pairs]
        return joined_shape(n, sizes, self.filters, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rates": self.dilation_rates,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        _, (height, width), _ = split_shape((None, *output_shape), self.data_format)
        return height * width * math.prod(self.kernel.shape)

    def window(self):
        return self.kernel_size, 1, max(self.dilation_rates)

    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else -1

    def _convolved(self, images, kernel, bias, rate):
        images = self._centred(images, rate)
        maps = ops.conv(images, kernel, 1, self.padding, self.data_format, rate)
        if bias is not None:
            channels = (-1, 1, 1) if self.data_format == "channels_first" else (-1,)
            maps = maps + ops.reshape(bias, channels)
        return self.activation(maps)

    def _centred(self, images, rate):
        """With "valid" padding, the part of the images that a kernel of a smaller rate may see."""
        if self.padding == "same" or rate == max(self.dilation_rates):
            return images
        spans = [(size - 1) * (max(self.dilation_rates) - rate) for size in self.kernel_size]
        sizes = [slice(span // 2, -(span - span // 2) or None) for span in spans]
        if self.data_format == "channels_first":
            return images[:, :, *sizes]
        return images[:, *sizes]
