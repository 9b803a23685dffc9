"""A square of zeros that may hang over the edge.

DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017,
section 3.1, https://arxiv.org/abs/1708.04552
"""

import keras
from keras import ops

from recipes.data.augmentation.seeded import SeededLayer


@keras.saving.register_keras_serializable("recipes")
class RandomCutout(SeededLayer):
    """Sets a square around a random pixel of each image to zero, in training only.

    Args:
        side: Of the square, in pixels. Part of it lies outside where the pixel is near an edge.
        seed: Of the places.

    `(n, h, w, c)` to the same shape.
    """

    def __init__(self, side, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.side = side

    def changed(self, images):
        n, height, width = ops.shape(images)[0], *images.shape[1:3]
        rows = self._covered(n, height)[:, :, None, None]
        columns = self._covered(n, width)[:, None, :, None]
        return ops.where(rows & columns, ops.zeros_like(images), images)

    def _covered(self, n, size):
        """`(n, size)`: whether the square covers a row, or a column."""
        first = keras.random.randint((n, 1), 0, size, seed=self.seed_generator) - self.side // 2
        places = ops.reshape(ops.arange(size, dtype="int32"), (1, -1))
        return (places >= first) & (places < first + self.side)

    def get_config(self):
        return {**super().get_config(), "side": self.side}
