"""The output layer of LeNet-5: one radial-basis unit a class.

LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998,
equation 7
"""

import keras
import numpy as np
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class RBFOutput(keras.layers.Layer):
    """The negative squared distance to a fixed code a class: `-sum_j (x_j - w_ij)^2`.

    As logits these are the paper's penalties with the sign changed, and their cross-entropy is the
    criterion of its equation 9 without the rubbish class. The components of a code are -1 and 1
    with equal probability, which the paper names as an alternative to drawing the characters. They
    are stored and not trained.

    Args:
        classes: Units.
        seed: An integer that fixes the codes.

    `(n, features)` to `(n, classes)`; no trainable parameters.

    Raises:
        ValueError: `classes` is not a positive integer.
    """

    def __init__(self, classes, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.seed = arguments.positive(classes, "classes"), seed
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def build(self, input_shape):
        self.codes = self.add_weight(
            (self.classes, input_shape[-1]), initializer=self._drawn, trainable=False, name="codes"
        )

    def call(self, features):
        # Sums of many squares lose their last digits in a half type.
        features, codes = ops.cast(features, "float32"), ops.cast(self.codes, "float32")
        squares = ops.sum(ops.square(features), axis=-1, keepdims=True)  # (n, 1)
        products = ops.matmul(features, ops.transpose(2 * codes)) - ops.sum(ops.square(codes), axis=-1)
        return ops.cast(products - squares, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.classes)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "seed": self.seed}

    def macs(self, input_shape, output_shape):
        return input_shape[-1] * self.classes

    def _drawn(self, shape, dtype=None):
        signs = np.random.default_rng(self.seed).choice([-1.0, 1.0], shape)
        return ops.convert_to_tensor(signs, dtype=dtype)
