"""The restricted Boltzmann machine, trained by contrastive divergence.

Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", Neural Computation 14,
2002; the Gaussian units: Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural
Networks", Science 313, 2006; how to start and to sample: Hinton, "A Practical Guide to Training
Restricted Boltzmann Machines", 2010, sections 3 and 8.
"""

import keras
from keras import ops

from zoo import arguments

KINDS = ("bernoulli", "gaussian")


@keras.saving.register_keras_serializable("zoo")
class RestrictedBoltzmannMachine(keras.layers.Layer):
    """Visible units `v` in `[0, 1]` and hidden units `h`, with `p(v, h)` proportional to `exp(-E(v, h))`.

        E(v, h) = - v b - h c - v W h                             binary hidden units
        E(v, h) = - v b + sum_j (h_j - c_j)^2 / 2 - v W h         Gaussian ones, of unit variance

    `keras.Sequential([keras.Input((visible,)), machine])`, compiled without a loss, is trained by an
    ordinary `fit`: the layer adds `mean F(v) - mean F(v')` to the losses. `F(v) = -log sum_h exp(-E)` is
    the free energy, and `v'` what `steps` of alternating Gibbs sampling make of `v`, held constant. The
    gradient with respect to `W` is then `<v' h'> - <v h>`, the statistics of contrastive divergence.

    Hidden units are drawn, but visible ones are given by their probabilities, as published. Outside
    training nothing is drawn: `v'` is then the reconstruction of `v` by means.

    Args:
        units: Number of hidden units.
        kind: Of the hidden units: "bernoulli" or "gaussian".
        steps: Of Gibbs sampling: the k of CD-k.
        seed: An integer for repeatable first weights and draws.

    `(n, visible)` to the reconstruction `(n, visible)`.

    Raises:
        ValueError: `units` or `steps` is no positive integer, or `kind` is neither.
    """

    def __init__(self, units, kind="bernoulli", steps=1, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.steps = arguments.positive(units, "units"), arguments.positive(steps, "steps")
        self.kind, self.seed = arguments.choice(kind, "kind", KINDS), seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        start = keras.initializers.RandomNormal(stddev=0.01, seed=self.seed)
        self.kernel = self.add_weight((input_shape[-1], self.units), initializer=start, name="kernel")
        self.visible_bias = self.add_weight((input_shape[-1],), initializer="zeros", name="visible_bias")
        self.hidden_bias = self.add_weight((self.units,), initializer="zeros", name="hidden_bias")

    def call(self, visible, training=False):
        sampled = visible
        for _ in range(self.steps):
            hidden = self.hidden_mean(sampled)
            sampled = self.visible_mean(self._drawn(hidden) if training else hidden)
        # What the chain arrives at is an example to unlearn, not a function of the weights.
        sampled = ops.stop_gradient(sampled)
        self.add_loss(ops.mean(self.free_energy(visible)) - ops.mean(self.free_energy(sampled)))
        return sampled

    def hidden_mean(self, visible):
        """The mean of the hidden units, `(n, units)`; of binary ones their probability to be 1."""
        total = ops.matmul(visible, self.kernel) + self.hidden_bias
        return ops.sigmoid(total) if self.kind == "bernoulli" else total

    def visible_mean(self, hidden):
        """The probabilities of the visible units to be 1, `(n, visible)`."""
        return ops.sigmoid(ops.matmul(hidden, ops.transpose(self.kernel)) + self.visible_bias)

    def free_energy(self, visible):
        """`-log` of the sum, or the integral, of `exp(-E(v, h))` over all `h`, but for a constant: `(n,)`."""
        # Sums over a thousand units overflow, or lose their last places, in float16.
        inputs = ops.cast(ops.matmul(visible, self.kernel), "float32")  # (n, units)
        bias = ops.cast(self.hidden_bias, "float32")
        if self.kind == "bernoulli":
            hidden = ops.sum(ops.softplus(inputs + bias), axis=-1)
        else:
            hidden = ops.sum(inputs * bias + ops.square(inputs) / 2, axis=-1)
        units = ops.cast(visible, "float32") * ops.cast(self.visible_bias, "float32")
        return -ops.sum(units, axis=-1) - hidden

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"units": self.units, "kind": self.kind, "steps": self.steps, "seed": self.seed}
        return {**super().get_config(), **own}

    def _drawn(self, mean):
        options = {"dtype": mean.dtype, "seed": self.seed_generator}
        if self.kind == "gaussian":
            return mean + keras.random.normal(ops.shape(mean), **options)
        return ops.cast(keras.random.uniform(ops.shape(mean), **options) < mean, mean.dtype)
