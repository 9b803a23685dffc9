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
    if augmentation.binarize:
        stack.append(RandomBinarization(seed=seed + 6))
    return stack
