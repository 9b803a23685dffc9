"""A code of independent choices, what it costs to tell, and what its decoder makes of it.

Hinton & Zemel, "Autoencoders, Minimum Description Length and Helmholtz Free Energy", 1993: the
factorial stochastic vector quantiser, and the bits that come back.
"""

import math

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class FactorialCode(keras.layers.Layer):
    """Logits to `groups` independent distributions `p_d`, each over `units` choices.

    Telling one choice of each group costs `-ln prior_d(c)` nats a group, of which `-ln p_d(c)` come
    back because the choice itself was free to carry a message (Hinton & Zemel). What is left of it in
    expectation,

        sum_d sum_i p_di (ln p_di - ln prior_di),

    averaged over the batch and times `2 deviation^2`, is added to the model's losses, in training
    and in evaluation alike. The prior is `softmax(prior_logits)` of each group, trained with the rest.

    Args:
        groups: How many choices are made.
        units: Among how many each is made.
        deviation: Standard deviation of the decoder's pixels; the factor makes nats comparable with
            squared errors.

    `(n, groups * units)` to `(n, groups, units)`.

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(self, groups, units, deviation=0.1, **kwargs):
        super().__init__(**kwargs)
        self.groups = arguments.positive(groups, "groups")
        self.units = arguments.positive(units, "units")
        self.deviation = _deviation(deviation)

    def build(self, input_shape):
        if input_shape[-1] != self.groups * self.units:
            raise ValueError(
                f"{input_shape[-1]} logits for groups={self.groups} of units={self.units}: expected "
                f"{self.groups * self.units}. Give the layer before it that many units."
            )
        self.prior_logits = self.add_weight(
            name="prior_logits", shape=(self.groups, self.units), initializer="zeros"
        )

    def call(self, logits):
        logits = ops.reshape(logits, (-1, self.groups, self.units))
        nats = code_nats(logits, self.prior_logits)
        self.add_loss(2 * self.deviation**2 * ops.mean(nats))
        return ops.softmax(logits, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.groups, self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "groups": self.groups,
            "units": self.units,
            "deviation": self.deviation,
        }

    def macs(self, input_shape, output_shape):
        return 0


@keras.saving.register_keras_serializable("zoo")
class FactorialSum(keras.layers.Layer):
    """The expected sum of the chosen units' weights, `b + sum_d sum_i p_di w_di`.

    The expected squared error of a choice's own sum is that of the expected sum plus the variance

        sum_d (sum_i p_di |w_di|^2 - |sum_i p_di w_di|^2),

    exactly, because the groups choose independently. It is averaged over the batch and added to
    the model's losses, in training and in evaluation alike.

    At inference the sum is clipped to `[0, 1]`, which brings it only nearer to an image.

    Args:
        outputs: Width of the output.
        kernel_initializer: Name of an initialiser for `kernel`, `(groups * units, outputs)`.

    `(n, groups, units)` to `(n, outputs)`.

    Raises:
        ValueError: `outputs` is not a positive integer.
    """

    def __init__(self, outputs, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.outputs = arguments.positive(outputs, "outputs")
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape):
        self.groups, self.units = input_shape[1:]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.groups * self.units, self.outputs),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(name="bias", shape=(self.outputs,), initializer="zeros")

    def call(self, probabilities, training=False):
        kernel = ops.reshape(self.kernel, (self.groups, self.units, self.outputs))
        self.add_loss(ops.mean(sum_variance(probabilities, kernel)))
        flat = ops.reshape(probabilities, (-1, self.groups * self.units))
        total = ops.matmul(flat, self.kernel) + self.bias
        return total if training else ops.clip(total, 0, 1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "outputs": self.outputs,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def macs(self, input_shape, output_shape):
        return math.prod(input_shape) * self.outputs


def code_nats(logits, prior_logits):
    """What the choices cost to tell, less the bits that come back, in nats.

    The divergence of `softmax(logits)`, `(n, groups, units)`, from `softmax(prior_logits)`,
    `(groups, units)`, summed over the groups: `(n,)`.
    """
    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    log_prior = ops.log_softmax(ops.cast(prior_logits, "float32"), axis=-1)
    return ops.sum(ops.exp(log_p) * (log_p - log_prior), axis=(1, 2))


def sum_variance(probabilities, kernel):
    """The variance of the sum of one chosen row a group, summed over the outputs.

    Args:
        probabilities: Of the choices, `(n, groups, units)`.
        kernel: `(groups, units, outputs)`.

    Returns:
        `(n,)`.
    """
    p, kernel = ops.cast(probabilities, "float32"), ops.cast(kernel, "float32")
    products = ops.matmul(kernel, ops.transpose(kernel, (0, 2, 1)))  # w_di . w_dj: (groups, units, units)
    squares = ops.diagonal(products, axis1=1, axis2=2)  # |w_di|^2: (groups, units)
    means = ops.einsum("ngi,gij,ngj->n", p, products, p)  # sum_d |sum_i p_di w_di|^2
    return ops.sum(p * squares, axis=(1, 2)) - means


def _deviation(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(
            f"deviation={value!r}: expected a number above 0, in units of a pixel's range. "
            "Pass deviation=0.1 or leave it out for the default."
        )
    return float(value)
