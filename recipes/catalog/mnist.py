"""Recipes on MNIST: 70,000 handwritten digits of 28×28 pixels (LeCun et al., 1998)."""

from recipes.recipe import Augmentation, Expected, Optimizer, Recipe
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
def lenet1_mnist():
    """LeNet-1 with its 2,578 weights as published, on MNIST."""
    return Recipe(
        model="lenet1",
        data="mnist",
        epochs=12,
        batch_size=64,
        optimizer=Optimizer(name="adam", learning_rate=5e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.975),
    )


@recipe
def capsnet_mnist():
    """CapsNet at a quarter of its width, on MNIST moved by up to two pixels as published."""
    return Recipe(
        model="capsnet",
        arguments={"width": 0.25},
        data="mnist",
        epochs=6,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        augmentation=Augmentation(translation=(0.07, 0.07)),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.99),
    )


@recipe
def deep_linear_network_mnist():
    """25 dense layers without a nonlinearity on MNIST: for all its depth, a linear classifier."""
    return _deep_linear(batch_norm=False)


@recipe
def deep_linear_network_batch_norm_mnist():
    """The same 25 dense layers with batch normalisation between them."""
    return _deep_linear(batch_norm=True)


def _deep_linear(batch_norm):
    return Recipe(
        model="deep_linear_network",
        arguments={"batch_norm": batch_norm},
        data="mnist",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(name="sgd", learning_rate=0.01, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.85),
    )
