"""The code of a lossy compressor: rounding made differentiable, and what the code costs to store.

Ballé, Laparra & Simoncelli, "End-to-end Optimized Image Compression", 2017,
https://arxiv.org/abs/1611.01704. The densities are mixtures of logistic distributions, as in Salimans,
Karpathy, Chen & Kingma, "PixelCNN++", 2017, section 2.1, https://arxiv.org/abs/1701.05517, in the
place of the paper's piecewise linear ones.
"""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class EntropyBottleneck(keras.layers.Layer):
    """Adds noise of width 1 to a code in training, and the price of storing the code to the losses.

    Uniform noise stands for the error of rounding to integers (section 3). The price is the mean over
    the batch of the nats that an ideal entropy coder spends on a code whose every unit has a density
    of its own, `-sum_i log P_i(x_i - 1/2 < X < x_i + 1/2)`, times `rate_weight`. At inference the code
    is given as it is, so that a file holds no operator of this layer: who stores the code rounds it,
    and the price is that of the rounded code.

    Args:
        rate_weight: What a nat costs in units of the model's other losses.
        components: Logistic distributions a density.
        seed: An integer for a repeatable sequence of noise.

    `(n, code)` to the same shape.

    Raises:
        ValueError: `rate_weight` or `components` is not positive.
    """

    def __init__(self, rate_weight=1.0, components=3, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate_weight = arguments.weight(rate_weight, "rate_weight")
        self.components = arguments.positive(components, "components")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        shape = (input_shape[-1], self.components)
        self.logits = self._weight("logits", shape, "zeros")
        self.location = self._weight("location", shape, keras.initializers.RandomUniform(-2, 2))
        self.log_scale = self._weight("log_scale", shape, "ones")

    def call(self, inputs, training=False):
        outputs = inputs
        if training:
            noise = keras.random.uniform(
                ops.shape(inputs), -0.5, 0.5, dtype=inputs.dtype, seed=self.seed_generator
            )
            outputs = inputs + noise
        stored = outputs if training else ops.round(inputs)
        self.add_loss(self.rate_weight * ops.mean(ops.sum(self.nats(stored), axis=-1)))
        return outputs

    def nats(self, code):
        """What each unit of a code costs, `(n, code)` to `(n, code)` float32."""
        return interval_nats(code, self.logits, self.location, self.log_scale)

    def compute_output_shape(self, input_shape):
        return input_shape

    def macs(self, input_shape, output_shape):
        """No products: at inference the code passes as it is."""
        return 0

    def get_config(self):
        config = {"rate_weight": self.rate_weight, "components": self.components, "seed": self.seed}
        return {**super().get_config(), **config}

    def _weight(self, name, shape, initializer):
        # Without autocasting: the price is counted in float32 under every policy.
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)


def interval_nats(x, logits, location, log_scale):
    """`-log P(x - 1/2 < X < x + 1/2)` under mixtures of logistic distributions, one a unit.

    Args:
        x: `(n, units)`.
        logits: Of the mixtures' weights, `(units, components)`.
        location: Of the components, `(units, components)`.
        log_scale: Logarithms of their scales, `(units, components)`.

    Returns:
        `(n, units)` float32, finite however improbable `x` is.
    """
    x, logits, location, log_scale = (ops.cast(v, "float32") for v in (x, logits, location, log_scale))
    inverse = ops.exp(-log_scale)
    centred = x[..., None] - location  # (n, units, components)
    low, high = (centred - 0.5) * inverse, (centred + 0.5) * inverse
    # s(b) - s(a) = s(b) s(-a) (1 - e^(a - b)) for the logistic function s: no digit is lost in the tails.
    log_p = ops.log_sigmoid(high) + ops.log_sigmoid(-low) + ops.log(-ops.expm1(-inverse))
    return -ops.logsumexp(ops.log_softmax(logits, axis=-1) + log_p, axis=-1)
