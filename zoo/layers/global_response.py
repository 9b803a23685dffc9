"""Global response normalisation, which makes the channels of a map compete.

Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023,
section 3.2 and algorithm 1, https://arxiv.org/abs/2301.00808
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class GlobalResponseNormalization(keras.layers.Layer):
    """`gamma x n(x) + beta + x`, with `n(x)` the norm of a channel over the mean norm of all channels.

    With `g_c` the L2 norm of channel c over height and width, `n_c = g_c / (mean_k g_k + epsilon)`.
    `gamma` and `beta` start at zero, so that the layer starts as the identity. Norms are taken in
    float32 under mixed precision.

    Args:
        epsilon: Keeps the division finite; its square is added under the root of the norm, whose
            gradient would be infinite for a channel of zeros.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to the same shape, or the same with channels first.

    Raises:
        ValueError: `epsilon` is not positive.
    """

    def __init__(self, epsilon=1e-6, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise ValueError(f"epsilon={epsilon!r}: expected a positive number, such as 1e-6.")
        self.epsilon = float(epsilon)
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        axis = self._channel_axis()
        shape = [1, 1, 1]
        shape[axis - 1] = input_shape[axis]
        self.gamma = self.add_weight(shape=shape, initializer="zeros", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, x):
        share = ops.cast(self._relative_norm(x), x.dtype)  # (n, 1, 1, c)
        return x * (self.gamma * share) + self.beta + x

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "data_format": self.data_format}

    def macs(self, input_shape, output_shape):
        """None are counted, as for every normalisation."""
        return 0

    def window(self):
        """None: the norms see the whole map."""

    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else 3

    def _relative_norm(self, x):
        x = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        axis = self._channel_axis()
        space = tuple({1, 2, 3} - {axis})
        norm = ops.sqrt(ops.sum(ops.square(x), axis=space, keepdims=True) + self.epsilon**2)
        # An integer division refuses a divisor that rounds to zero; two inverse roots do not.
        root = ops.rsqrt(ops.mean(norm, axis=axis, keepdims=True) + self.epsilon)
        return norm * root * root
