"""Augmentation as a stack of Keras layers: part of the compiled training step, never exported."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("recipes")
class RandomBinarization(keras.layers.Layer):
    """Pixels drawn from Bernoulli distributions whose means are the intensities, in training only.

    Burda et al., 2016, section 5. Any shape in [0, 1] to the same shape in {0, 1}.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        if not training:
            return images
        drawn = keras.random.uniform(ops.shape(images), dtype=images.dtype, seed=self.seed_generator)
        return ops.cast(drawn < images, images.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable("recipes")
class RandomEqualization(keras.layers.Layer):
    """A smooth random gain over frequency added to log spectrograms, in training only.

    For `f` from -1 at the lowest band to 1 at the highest, `a f + b (f² - 1/3)` with `a` and `b` normal:
    a microphone or a room is a product in the spectrum, hence a sum in its logarithm.
    `(n, frames, bands, 1)` to the same shape.

    Args:
        deviation: Standard deviation of `a` and `b`.
        seed: Of both.
    """

    def __init__(self, deviation, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.deviation, self.seed = deviation, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, spectrograms, training=False):
        if not training:
            return spectrograms
        shape = (ops.shape(spectrograms)[0], 1, 1, 1)
        f = ops.reshape(ops.linspace(-1.0, 1.0, spectrograms.shape[2]), (1, 1, -1, 1))
        a, b = (keras.random.normal(shape, stddev=self.deviation, seed=self.seed_generator) for _ in range(2))
        return spectrograms + ops.cast(a * f + b * (ops.square(f) - 1 / 3), spectrograms.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "deviation": self.deviation, "seed": self.seed}


def layers(augmentation, seed):
    """The layers that `augmentation`, a `recipes.recipe.Augmentation`, asks for; zero-filled edges."""
    stack = []
    if any(augmentation.translation):
        height, width = augmentation.translation
        stack.append(
            keras.layers.RandomTranslation(
                height,
                width,
                fill_mode="constant",
                interpolation="nearest",  # whole pixels: bilinear shifts blur what is trained on, not what is tested
                seed=seed + 1,
            )
        )
    if augmentation.rotation:
        stack.append(keras.layers.RandomRotation(augmentation.rotation, fill_mode="constant", seed=seed + 2))
    if any(augmentation.zoom):
        height, width = augmentation.zoom
        stack.append(keras.layers.RandomZoom(height, width, fill_mode="constant", seed=seed + 3))
    if augmentation.flip:
        stack.append(keras.layers.RandomFlip("horizontal", seed=seed + 4))
    if augmentation.erasing:
        stack.append(
            keras.layers.RandomErasing(
                augmentation.erasing, scale=(0.02, 0.2), fill_value=0.0, value_range=(0, 1), seed=seed + 5
            )
        )
    if augmentation.equalization:
        stack.append(RandomEqualization(augmentation.equalization, seed=seed + 7))
    if augmentation.binarize:
        stack.append(RandomBinarization(seed=seed + 6))
    return stack
