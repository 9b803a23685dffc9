"""Recipes on MNIST whose codes are choices: of pixels, and of parts."""

from recipes.recipe import Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def concrete_mnist():
    """Concrete autoencoder that reconstructs digits from the 50 pixels it chose, on MNIST."""
    return Recipe(
        model="concrete_autoencoder",
        arguments={"features": 50, "hidden": [200], "dropout": 0.0},
        data="mnist",
        task="feature_selection",
        epochs=15,
        batch_size=256,
        optimizer=Optimizer(name="adam", learning_rate=2e-2, schedule="cosine"),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.9),
    )


@recipe
def mdl_mnist():
    """Minimum description length autoencoder, a code of 24 choices among 16, on MNIST."""
    return Recipe(
        model="mdl_autoencoder",
        arguments={"groups": 24, "units": 16, "hidden": [256], "deviation": 0.1},
        data="mnist",
        task="reconstruction",
        epochs=12,
        batch_size=256,
        optimizer=Optimizer(name="adam", learning_rate=3e-3, schedule="cosine"),
        validation=0.05,
        expected=Expected(metric="squared_error", value=14.5, at_least=False),
    )
