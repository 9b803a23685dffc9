"""Recipes on `mnist_transformed`: MNIST's digits turned, scaled and moved on images of 42×42 pixels."""

from recipes.recipe import Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def stn_cnn_mnist_transformed():
    """A CNN behind a spatial transformer, which turns, scales and centres the digits for it."""
    return _recipe(transformer=True, accuracy=0.97)


@recipe
def cnn_mnist_transformed():
    """The same CNN without the spatial transformer."""
    return _recipe(transformer=False, accuracy=0.95)


def _recipe(transformer, accuracy):
    return Recipe(
        model="stn_cnn",
        arguments={"transformer": transformer, "filters": [8, 16, 32], "view": 28},
        data="mnist_transformed",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="accuracy", value=accuracy),
    )
