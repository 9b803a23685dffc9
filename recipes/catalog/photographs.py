"""Recipes on `photographs`: grey pictures of the Berkeley set in squares of 160×160 (Martin et al., 2001)."""

from recipes.recipe import Augmentation, Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def super_resolution_photographs():
    """FSRCNN doubles the height and width of real photographs, better than bicubic interpolation."""
    return Recipe(
        model="fsrcnn",
        data="photographs",
        task="super_resolution",
        epochs=40,
        batch_size=4,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.02),
        augmentation=Augmentation(flip=True, flip_vertical=True),
        validation=0.05,
        calibration=100,
        expected=Expected(metric="psnr_over_bicubic", value=1.2),
    )
