"""The loss of capsule networks: a margin a class, on the lengths of the class capsules.

Sabour, Frosst & Hinton, "Dynamic Routing Between Capsules", 2017, section 3,
https://arxiv.org/abs/1710.09829
"""

import keras
from keras import ops

from zoo.layers.capsules import lengths_of


@keras.saving.register_keras_serializable("zoo")
class MarginLoss(keras.losses.Loss):
    """`sum_k T_k max(0, present - |v_k|)^2 + absent_weight (1 - T_k) max(0, |v_k| - absent)^2`.

    Equation 4, with T_k = 1 for the classes that are present. Several may be.

    Args:
        present: Length above which the capsule of a present class costs nothing, m+.
        absent: Length below which that of an absent class costs nothing, m-.
        absent_weight: Of absent classes, lambda: keeps early training from shrinking all lengths.
        from_logits: The predictions are logits of `CapsuleLengths`, as `capsnet` gives by default.

    Classes `(n,)` or `(n, 1)` as integers, or `(n, classes)` as ones and zeros, and lengths
    `(n, classes)`, to a loss `(n,)`, which is then reduced.

    Raises:
        ValueError: The margins are not `0 <= absent < present <= 1`.
    """

    def __init__(
        self,
        present=0.9,
        absent=0.1,
        absent_weight=0.5,
        from_logits=False,
        name="margin_loss",
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= absent < present <= 1:
            raise ValueError(
                f"present={present!r} and absent={absent!r}: expected 0 <= absent < present <= 1. "
                "Leave them out for 0.9 and 0.1."
            )
        self.present, self.absent = float(present), float(absent)
        self.absent_weight = float(absent_weight)
        self.from_logits = bool(from_logits)

    def call(self, y_true, y_pred):
        lengths = lengths_of(y_pred) if self.from_logits else y_pred
        there = _one_hot(y_true, lengths)
        missing = ops.square(ops.relu(self.present - lengths))
        excess = ops.square(ops.relu(lengths - self.absent))
        return ops.sum(there * missing + self.absent_weight * (1 - there) * excess, axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "present": self.present,
            "absent": self.absent,
            "absent_weight": self.absent_weight,
            "from_logits": self.from_logits,
        }


def _one_hot(classes, lengths):
    """Classes in either form as ones and zeros `(n, classes)`."""
    count = lengths.shape[-1]
    if len(classes.shape) == 2 and classes.shape[-1] == count:
        return ops.cast(classes, lengths.dtype)
    return ops.one_hot(ops.reshape(ops.cast(classes, "int32"), (-1,)), count, dtype=lengths.dtype)
