"""Intensities drawn anew: binary pixels, and the gain of a microphone over frequency."""

import keras
from keras import ops

from recipes.data.augmentation.seeded import SeededLayer


@keras.saving.register_keras_serializable("recipes")
class RandomBinarization(SeededLayer):
    """Pixels drawn from Bernoulli distributions whose means are the intensities, in training only.

    Burda et al., 2016, section 5. Any shape in [0, 1] to the same shape in {0, 1}.
    """

    def changed(self, images):
        drawn = keras.random.uniform(ops.shape(images), dtype=images.dtype, seed=self.seed_generator)
        return ops.cast(drawn < images, images.dtype)


@keras.saving.register_keras_serializable("recipes")
class RandomEqualization(SeededLayer):
    """A smooth random gain over frequency added to log spectrograms, in training only.

    For `f` from -1 at the lowest band to 1 at the highest, `a f + b (f² - 1/3)` with `a` and `b` normal:
    a microphone or a room is a product in the spectrum, hence a sum in its logarithm.
    `(n, frames, bands, 1)` to the same shape.

    Args:
        deviation: Standard deviation of `a` and `b`.
        seed: Of both.
    """

    def __init__(self, deviation, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.deviation = deviation

    def changed(self, spectrograms):
        shape = (ops.shape(spectrograms)[0], 1, 1, 1)
        f = ops.reshape(ops.linspace(-1.0, 1.0, spectrograms.shape[2]), (1, 1, -1, 1))
        a, b = (keras.random.normal(shape, stddev=self.deviation, seed=self.seed_generator) for _ in range(2))
        return spectrograms + ops.cast(a * f + b * (ops.square(f) - 1 / 3), spectrograms.dtype)

    def get_config(self):
        return {**super().get_config(), "deviation": self.deviation}
