"""Recipes on MNIST: 70,000 handwritten digits of 28×28 pixels (LeCun et al., 1998)."""

from recipes.recipe import Augmentation, Expected, Features, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def lenet5_mnist():
    """LeNet-5 as published, on MNIST."""
    return Recipe(
        model="lenet5",
        data="mnist",
        epochs=20,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=3e-3, schedule="cosine", warmup=0.05),
        augmentation=Augmentation(translation=(0.07, 0.07)),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.99),
    )


@recipe
def autoencoder_mnist():
    """Convolutional autoencoder with a code of 30 numbers and a deconvolutional decoder."""
    return Recipe(
        model="convolutional_autoencoder",
        arguments={"code": 30},
        data="mnist",
        task="reconstruction",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="relative_to_pca", value=0.5, at_least=False),
    )


@recipe
def vae_mnist():
    """Variational autoencoder with a 20-dimensional code, on stochastically binarised MNIST."""
    return Recipe(
        model="vae",
        arguments={"code": 20, "units": 256},
        data="mnist",
        features=Features(binarize=True),
        task="generation",
        epochs=12,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        augmentation=Augmentation(binarize=True),
        validation=0.05,
        expected=Expected(metric="negative_elbo", value=100.0, at_least=False),
    )
