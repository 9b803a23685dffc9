"""Dense layers and convolutions whose weights are dropped in training.

Wan, Zeiler, Zhang, LeCun & Fergus, "Regularization of Neural Networks using DropConnect", 2013
"""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class DropConnectDense(keras.layers.Dense):
    """`y = activation((M * W) x + b)` in training, where `M` drops each weight with probability `rate`.

    Section 3, with the weights that stay divided by `1 - rate`: their mean is the plain kernel, and
    inference is a plain dense layer, where the paper samples from a Gaussian. One mask a step serves
    the whole batch, where the paper draws one an example; the bias is kept.

    Args:
        units: Width of the output.
        rate: Probability that a weight is dropped.
        seed: An integer for a repeatable sequence of masks.
        **kwargs: Everything else that `keras.layers.Dense` takes.

    `(n, ..., c)` to `(n, ..., units)`.

    Raises:
        ValueError: `rate` is not at least 0 and below 1.
    """

    def __init__(self, units, rate=0.5, seed=None, **kwargs):
        super().__init__(units, **kwargs)
        self.rate = arguments.rate(rate, "rate")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return super().call(inputs)
        outputs = ops.matmul(inputs, _dropped(self))
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("zoo")
class DropConnectConv2D(keras.layers.Conv2D):
    """`DropConnectDense` for the kernel of a convolution: one mask for every position of the window.

    Args:
        filters: Channels of the output.
        kernel_size: Height and width of the kernel, or one integer for both.
        rate: Probability that a weight is dropped.
        seed: An integer for a repeatable sequence of masks.
        **kwargs: Everything else that `keras.layers.Conv2D` takes.

    `(n, h, w, c)` to `(n, h', w', filters)`, or the same with channels first.

    Raises:
        ValueError: `rate` is not at least 0 and below 1.
    """

    def __init__(self, filters, kernel_size, rate=0.5, seed=None, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        self.rate = arguments.rate(rate, "rate")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return super().call(inputs)
        outputs = self.convolution_op(inputs, _dropped(self))
        if self.use_bias:
            channels = (-1, 1, 1) if self.data_format == "channels_first" else (-1,)
            outputs = outputs + ops.reshape(self.bias, channels)
        return self.activation(outputs)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def _dropped(layer):
    """The kernel with a mask drawn anew; Keras divides what stays by `1 - rate`."""
    kernel = ops.convert_to_tensor(layer.kernel)
    return keras.random.dropout(kernel, layer.rate, seed=layer.seed_generator)
