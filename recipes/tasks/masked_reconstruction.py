"""Filling in hidden patches: the first part of a training whose `pretraining.kind` is `masked`.

He et al., "Masked Autoencoders Are Scalable Vision Learners", 2022, section 3,
https://arxiv.org/abs/2111.06377. No recipe names this task, and nothing is scored by it.
"""

import keras
from keras import ops

RECONSTRUCTS = True


class HiddenError(keras.losses.Loss):
    """Squared error of the hidden pixels alone, the mean over an image's.

    The target is the image `(n, h, w, c)`, the output `(n, h, w, c + 1)`: what is made of it, and behind that
    ones where pixels were hidden. An image of which nothing is hidden counts 0.
    """

    def call(self, y_true, y_pred):
        hidden = y_pred[..., -1:]
        squares = hidden * ops.square(y_pred[..., :-1] - ops.cast(y_true, y_pred.dtype))
        count = ops.sum(hidden, axis=(1, 2, 3)) * y_true.shape[-1]
        return ops.sum(squares, axis=(1, 2, 3)) / ops.maximum(count, 1)


def loss(recipe):
    """The squared error of hidden pixels."""
    return HiddenError(name="hidden_error")


def metrics():
    """None: the loss says it."""
    return []
