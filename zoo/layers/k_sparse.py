"""A code of which only the k largest units are kept.

Makhzani & Frey, "k-Sparse Autoencoders", 2013, section 2.1, https://arxiv.org/abs/1312.5663
"""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class KSparse(keras.layers.Layer):
    """Keeps the k largest units of a code and sets the others to 0.

    The gradient passes through the units that are kept and through no other. Units equal to the k-th
    largest are kept too: in floating point ties are rare, in 8 bits a few more than k may stay.

    Args:
        k: Units kept in training.
        inference_k: Units kept at inference, where the paper keeps more of them (its αk); `k` by
            default.

    `(..., units)` to the same shape.

    Raises:
        ValueError: One of them is no positive integer, or larger than the number of units.
    """

    def __init__(self, k, inference_k=None, **kwargs):
        super().__init__(**kwargs)
        self.k = arguments.positive(k, "k")
        self.inference_k = arguments.positive(k if inference_k is None else inference_k, "inference_k")

    def build(self, input_shape):
        for name in ("k", "inference_k"):
            if getattr(self, name) > input_shape[-1]:
                raise ValueError(
                    f"{name}={getattr(self, name)}: there are {input_shape[-1]} units to keep it from. Pass "
                    "that many or fewer, or a larger code."
                )

    def call(self, inputs, training=False):
        k = self.k if training else self.inference_k
        threshold = ops.top_k(inputs, k)[0][..., -1:]  # (..., 1)
        # threshold <= x as an equality: on the edge, one step of rounding may then not lose the k-th unit.
        reached = ops.equal(ops.relu(threshold - inputs), 0)
        return ops.where(reached, inputs, ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "k": self.k, "inference_k": self.inference_k}
