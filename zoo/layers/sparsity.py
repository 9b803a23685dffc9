"""Penalties on units that are active too often.

Against a target: Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011, section 3; Hinton,
"A Practical Guide to Training Restricted Boltzmann Machines", 2010, section 11. Without one: Glorot,
Bordes & Bengio, "Deep Sparse Rectifier Neural Networks", 2011, section 3.2 (L1).
"""

import math

import keras
from keras import ops

from zoo import arguments

KINDS = ("kl", "l1", "l2")


@keras.saving.register_keras_serializable("zoo")
class ActivitySparsity(keras.layers.Layer):
    """Hands its input on, and adds a penalty on its activity to the model's losses in training.

    Against a `target` for the rate ρ_j of each unit j, its mean activity over the batch:

    - "kl": `Σ_j t log(t / ρ_j) + (1 - t) log((1 - t) / (1 - ρ_j))`, the divergence of units that are
      on at the rate ρ_j from units that are on at the rate t; for activities in `[0, 1]`;
    - "l1": `Σ_j |ρ_j - t|`;
    - "l2": `Σ_j (ρ_j - t)²`.

    Without one, the mean over the batch of `Σ_j |h_j|` ("l1") or of `Σ_j h_j²` ("l2"). Units are
    those of the last axis; positions of a map count as further examples.

    Args:
        kind: "kl", "l1" or "l2".
        weight: What the penalty is multiplied with.
        target: The rate at which each unit is to be active, or None.

    Any shape to the same shape.

    Raises:
        ValueError: An argument is none of those, or "kl" has no target between 0 and 1.
    """

    def __init__(self, kind, weight, target=None, **kwargs):
        super().__init__(**kwargs)
        self.kind = arguments.choice(kind, "kind", KINDS)
        self.weight = arguments.weight(weight, "weight")
        self.target = _target(target, kind)

    def call(self, inputs, training=False):
        if training:
            self.add_loss(self.weight * self.penalty(inputs))
        return inputs

    def penalty(self, activity):
        """The unweighted penalty of `activity`, `(n, ..., units)`: a float32 number."""
        activity = ops.cast(activity, "float32")  # sums of many units overflow in float16
        batch = tuple(range(len(activity.shape) - 1))
        if self.target is None:
            return ops.mean(ops.sum(DISTANCES[self.kind](activity), axis=-1))
        rates = ops.mean(activity, axis=batch)  # (units,)
        if self.kind == "kl":
            return ops.sum(rate_divergence(self.target, rates))
        return ops.sum(DISTANCES[self.kind](rates - self.target))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "weight": self.weight, "target": self.target}


DISTANCES = {"l1": ops.abs, "l2": ops.square}


def rate_divergence(target, rates):
    """KL(Bernoulli(target) || Bernoulli(rates)) in nats, of each of the `rates`.

    Rates of 0 and 1, where it is infinite, count as a ten-millionth away from that.
    """
    rates = ops.clip(rates, keras.config.epsilon(), 1 - keras.config.epsilon())
    on = target * ops.log(target / rates)
    return on + (1 - target) * ops.log((1 - target) / (1 - rates))


def _target(value, kind):
    if value is None and kind != "kl":
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < (1 if kind == "kl" else math.inf):
        raise ValueError(
            f"target={value!r}: expected the rate at which units are to be active, above 0 and, for 'kl', "
            "below 1. Pass target=0.05, or None with 'l1' or 'l2' for a penalty on all activity."
        )
    return float(value)
