"""The step function of threshold units, trained through a gradient that it does not have.

Bengio, Leonard & Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013,
https://arxiv.org/abs/1308.3432; the clipped form: Hubara, Courbariaux, Soudry, El-Yaniv &
Bengio, "Binarized Neural Networks", 2016, equation 4, https://arxiv.org/abs/1602.02830
"""

import keras
from keras import ops

from zoo import arguments

GRADIENTS = ("identity", "clipped")


@keras.saving.register_keras_serializable("zoo")
class Heaviside(keras.layers.Layer):
    """1 where `x >= 0`, else 0, with a straight-through gradient in training.

    The gradient that arrives is passed on as it is ("identity"), or only where `|x| <= 1`
    ("clipped"). At inference there is no gradient.

    Args:
        gradient: "identity" or "clipped".

    Any shape to the same shape.

    Raises:
        ValueError: `gradient` is neither.
    """

    def __init__(self, gradient="clipped", **kwargs):
        super().__init__(**kwargs)
        self.gradient = arguments.choice(gradient, "gradient", GRADIENTS)

    def call(self, inputs, training=False):
        # x >= 0 as an equality, the comparison that stays in integers on the edge.
        reached = ops.equal(ops.relu(-inputs), 0)
        step = ops.where(reached, 1.0, ops.zeros_like(inputs))
        return step + self._no_value(inputs) if training else step

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "gradient": self.gradient}

    def _no_value(self, inputs):
        """Exactly 0, with the gradient."""
        if self.gradient == "clipped":
            inputs = ops.where(ops.abs(inputs) <= 1, inputs, 0.0)
        return inputs - ops.stop_gradient(inputs)
