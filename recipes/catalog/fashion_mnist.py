"""Recipes on Fashion-MNIST: 70,000 pictures of clothes, 28×28 pixels (Xiao et al., 2017)."""

from recipes.recipe import Augmentation, Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def separable_cnn_fashion_mnist():
    """Depthwise-separable network under 60,000 parameters, on Fashion-MNIST."""
    return Recipe(
        model="separable_cnn",
        data="fashion_mnist",
        epochs=12,
        batch_size=128,
        optimizer=Optimizer(
            name="adamw", learning_rate=5e-3, schedule="cosine", warmup=0.1, weight_decay=0.02
        ),
        augmentation=Augmentation(flip=True),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.915),
        space={
            "optimizer.learning_rate": "log:5e-4..5e-2",
            "optimizer.weight_decay": "log:1e-3..1e-1",
            "arguments.dropout": "float:0..0.4",
            "arguments.filters.0": "choice:8,16,32",
            "arguments.filters.length": "int:4..8",
            "arguments.filters.6": "choice:64,96,128",
            "arguments.filters.7": "choice:64,96,128",
        },
    )


@recipe
def dilated_cnn_fashion_mnist():
    """Dilated convolutions in the place of pooling, on Fashion-MNIST."""
    return Recipe(
        model="dilated_cnn",
        data="fashion_mnist",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(
            name="adamw", learning_rate=3e-3, schedule="cosine", warmup=0.1, weight_decay=0.02
        ),
        augmentation=Augmentation(flip=True),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.915),
    )


@recipe
def lenet5_modern_fashion_mnist():
    """LeNet-5 with max pooling, on Fashion-MNIST: what the blurred one is compared with."""
    return _lenet("lenet5_modern")


@recipe
def lenet5_blur_fashion_mnist():
    """LeNet-5 with blurred pooling, on Fashion-MNIST: shifts change its mind less often."""
    return _lenet("lenet5_blur")


@recipe
def all_convolutional_fashion_mnist():
    """Convolutions at full resolution with circular padding: circular shifts change nothing at all."""
    return Recipe(
        model="all_convolutional",
        arguments={"width": 0.125, "padding": "circular"},
        data="fashion_mnist",
        epochs=6,
        batch_size=128,
        optimizer=Optimizer(
            name="adamw", learning_rate=5e-3, schedule="cosine", warmup=0.1, weight_decay=0.02
        ),
        augmentation=Augmentation(flip=True),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.88),
    )


@recipe
def denoising_fashion_mnist():
    """One convolutional autoencoder removes Gaussian, masking and salt-and-pepper noise from Fashion-MNIST."""
    return Recipe(
        model="denoising_autoencoder",
        arguments={"noise": "any", "level": 0.25},
        data="fashion_mnist",
        task="denoising",
        epochs=8,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=3e-3, schedule="cosine", warmup=0.05),
        augmentation=Augmentation(flip=True),
        validation=0.05,
        expected=Expected(metric="lead_over_filters", value=2.0),
    )


def _lenet(model):
    return Recipe(
        model=model,
        arguments={"dropout": 0.2},
        data="fashion_mnist",
        epochs=12,
        batch_size=128,
        optimizer=Optimizer(
            name="adamw", learning_rate=3e-3, schedule="cosine", warmup=0.1, weight_decay=0.02
        ),
        augmentation=Augmentation(flip=True),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.90),
    )
