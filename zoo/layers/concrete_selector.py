"""Choosing some of the inputs, by weights that gradients reach.

Abid, Balin & Zou, "Concrete Autoencoders: Differentiable Feature Selection and Reconstruction",
2019, section 3, https://arxiv.org/abs/1901.09346; the distribution: Maddison, Mnih & Teh, "The
Concrete Distribution", 2017, https://arxiv.org/abs/1611.00712, and Jang, Gu & Poole, "Categorical
Reparameterization with Gumbel-Softmax", 2017, https://arxiv.org/abs/1611.01144
"""

import math

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class ConcreteSelector(keras.layers.Layer):
    """Each unit gives one of the inputs; which one is learned.

    In training unit `i` gives `sum_j m_ij x_j` with

        m_ij = exp((a_ij + g_ij) / T) / sum_k exp((a_ik + g_ik) / T),

    where `a` are the trained `logits`, `(units, c)`, the `g` are drawn from a Gumbel distribution,
    anew in each step and once for all examples of it, and the temperature falls exponentially from
    `start` to `end`:

        T = start (end / start)^(step / steps)

    At inference unit `i` gives `x_j`, `j = argmax_k a_ik`, exactly. Two units may choose the same.

    Args:
        units: How many inputs are chosen.
        steps: Calls in training until the temperature has reached its end, where it stays.
        start_temperature, end_temperature: Its first and its last value.
        seed: An integer for a repeatable sequence of draws.

    `(n, ..., c)` to `(n, ..., units)`.

    Raises:
        ValueError: An argument is none of those, or there are more units than inputs.
    """

    def __init__(
        self,
        units,
        steps=10_000,
        start_temperature=10.0,
        end_temperature=0.01,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = arguments.positive(units, "units")
        self.steps = arguments.positive(steps, "steps")
        self.start_temperature = _temperature(start_temperature, "start_temperature")
        self.end_temperature = _temperature(end_temperature, "end_temperature")
        if self.end_temperature > self.start_temperature:
            raise ValueError(
                f"end_temperature={end_temperature!r} is above start_temperature="
                f"{start_temperature!r}: the temperature falls. Exchange the two."
            )
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        inputs = input_shape[-1]
        if self.units > inputs:
            raise ValueError(
                f"units={self.units}: there are only {inputs} inputs to choose from. "
                f"Pass units={inputs} or fewer."
            )
        self.logits = self.add_weight(
            name="logits", shape=(self.units, inputs), initializer="glorot_normal", autocast=False
        )
        self.step = self.add_weight(
            name="step",
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            aggregation="only_first_replica",
        )

    def call(self, inputs, training=False):
        if not training:
            return ops.take(inputs, ops.argmax(self.logits, axis=-1), axis=-1)
        shares = ops.cast(self._drawn(), inputs.dtype)  # (units, c)
        self.step.assign(ops.minimum(self.step + 1, self.steps))
        return ops.matmul(inputs, ops.transpose(shares))

    @property
    def temperature(self):
        """`T` of the next step, a scalar tensor."""
        done = ops.cast(self.step, "float32") / self.steps
        fall = math.log(self.end_temperature / self.start_temperature)
        return self.start_temperature * ops.exp(fall * done)

    @property
    def selected(self):
        """Which input each unit gives, integers `(units,)`."""
        return ops.convert_to_numpy(self.logits).argmax(axis=-1)

    @property
    def mean_max_probability(self):
        """The mean of the units' largest probabilities, `max_j softmax(a_i)_j`: 1 where all have chosen.

        Training may stop when it is near 1 (section 3).
        """
        probabilities = ops.softmax(ops.cast(self.logits, "float32"), axis=-1)
        return float(ops.mean(ops.max(probabilities, axis=-1)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "steps": self.steps,
            "start_temperature": self.start_temperature,
            "end_temperature": self.end_temperature,
            "seed": self.seed,
        }

    def macs(self, input_shape, output_shape):
        return 0

    def _drawn(self):
        """`m`, a sample of the concrete distribution for each unit."""
        # Divided by small temperatures, logits overflow in float16.
        logits = ops.cast(self.logits, "float32")
        uniform = keras.random.uniform(ops.shape(logits), 1e-7, 1.0, "float32", self.seed_generator)
        gumbel = -ops.log(-ops.log(uniform))
        return ops.softmax((logits + gumbel) / self.temperature, axis=-1)


def _temperature(value, name):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(
            f"{name}={value!r}: expected a number above 0. Pass {name}=1.0 or leave it out for the default."
        )
    return float(value)
