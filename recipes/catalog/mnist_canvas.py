"""Recipes on `mnist_canvas`: MNIST's digits among clutter on canvases of 64×64 pixels, a class a pixel."""

from recipes.recipe import Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def unet_mnist_canvas():
    """U-Net of three poolings and width 8 names the pixels of each digit on a cluttered canvas."""
    return Recipe(
        model="unet",
        arguments={"width": 8, "depth": 3},
        data="mnist_canvas",
        task="segmentation",
        epochs=6,
        batch_size=16,
        optimizer=Optimizer(name="adam", learning_rate=3e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="mean_iou", value=0.5),
    )
