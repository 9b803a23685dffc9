"""Padding and random crop, for each image a place of its own.

He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2,
https://arxiv.org/abs/1512.03385
"""

import keras
from keras import ops

from recipes.data.augmentation.gathering import gathered
from recipes.data.augmentation.seeded import SeededLayer


@keras.saving.register_keras_serializable("recipes")
class RandomShiftedCrop(SeededLayer):
    """Pads with zeros, then cuts each image back to its size at a random place, in training only.

    Args:
        pixels: Zeros put at each of the four sides.
        seed: Of the places.

    `(n, h, w, c)` to the same shape.
    """

    def __init__(self, pixels, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.pixels = pixels

    def changed(self, images):
        n, height, width = ops.shape(images)[0], *images.shape[1:3]
        around = (self.pixels, self.pixels)
        padded = ops.pad(images, ((0, 0), around, around, (0, 0)))
        top, left = (
            keras.random.randint((n, 1, 1), 0, 2 * self.pixels + 1, seed=self.seed_generator) for _ in "yx"
        )
        rows = top + ops.reshape(ops.arange(height, dtype="int32"), (1, -1, 1))
        columns = left + ops.reshape(ops.arange(width, dtype="int32"), (1, 1, -1))
        return gathered(padded, rows, columns)

    def get_config(self):
        return {**super().get_config(), "pixels": self.pixels}
