"""Augmentation as a stack of Keras layers: part of the compiled training step, never exported.

`layers` change images alone; `mixing` puts images and their labels together. Keras's own layers do it
where they can: its elastic transform moves rows and columns by one and the same field, its random crop
takes one place for a whole batch, and it has no cutout, so these three are written here.
"""

import keras

from recipes.data.augmentation.checks import check
from recipes.data.augmentation.cropping import RandomShiftedCrop
from recipes.data.augmentation.cutout import RandomCutout
from recipes.data.augmentation.elastic import RandomElasticDeformation
from recipes.data.augmentation.intensities import RandomBinarization, RandomEqualization

__all__ = [
    "RandomBinarization",
    "RandomCutout",
    "RandomElasticDeformation",
    "RandomEqualization",
    "RandomShiftedCrop",
    "check",
    "layers",
    "mixing",
]


def layers(augmentation, seed):
    """The layers from images to images that `augmentation`, a `recipes.recipe.Augmentation`, asks for."""
    return [*_geometric(augmentation, seed), *_local(augmentation, seed)]


def mixing(augmentation, seed):
    """The layers from `{"images": …, "labels": …}` to such a dict, labels being `(n, classes)`."""
    stack = []
    if augmentation.mixup:
        stack.append(keras.layers.MixUp(augmentation.mixup, seed=seed + 12))
    if augmentation.cutmix:
        stack.append(keras.layers.CutMix((augmentation.cutmix,) * 2, seed=seed + 13))
    return stack


def _geometric(augmentation, seed):
    """What moves pixels; zeros come in at the edges."""
    filled = {"fill_mode": "constant"}
    if augmentation.crop:
        yield RandomShiftedCrop(augmentation.crop, seed=seed + 8)
    if any(augmentation.translation):
        # Whole pixels: bilinear shifts blur what is trained on, not what is tested.
        yield keras.layers.RandomTranslation(
            *augmentation.translation, interpolation="nearest", seed=seed + 1, **filled
        )
    if augmentation.rotation:
        yield keras.layers.RandomRotation(augmentation.rotation, seed=seed + 2, **filled)
    if any(augmentation.zoom):
        yield keras.layers.RandomZoom(*augmentation.zoom, seed=seed + 3, **filled)
    if augmentation.elastic[0]:
        yield RandomElasticDeformation(*augmentation.elastic, seed=seed + 9)
    if augmentation.flip:
        yield keras.layers.RandomFlip("horizontal", seed=seed + 4)
    if augmentation.flip_vertical:  # a layer of its own: Keras's for both flips both or none
        yield keras.layers.RandomFlip("vertical", seed=seed + 10)


def _local(augmentation, seed):
    """What changes intensities."""
    if augmentation.erasing:
        yield keras.layers.RandomErasing(
            augmentation.erasing, scale=(0.02, 0.2), fill_value=0.0, value_range=(0, 1), seed=seed + 5
        )
    if augmentation.cutout:
        yield RandomCutout(augmentation.cutout, seed=seed + 11)
    if augmentation.equalization:
        yield RandomEqualization(augmentation.equalization, seed=seed + 7)
    if augmentation.binarize:
        yield RandomBinarization(seed=seed + 6)
