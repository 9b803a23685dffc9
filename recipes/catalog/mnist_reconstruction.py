"""Recipes that rebuild MNIST from short codes: squared error per image beside principal components.

Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 313, 2006
"""

from recipes.recipe import Expected, Optimizer, Pretraining, Recipe
from recipes.registry import recipe


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
        space={
            "optimizer.learning_rate": "log:3e-4..3e-2",
            "arguments.filters.0": "choice:8,16,32,48",
            "arguments.filters.1": "choice:16,32,64,96",
            "arguments.decoder": "choice:deconvolution,upsampling",
        },
    )


@recipe
def deep_autoencoder_mnist():
    """784-1000-500-250-30 and back with batch normalisation, from random weights."""
    return Recipe(
        model="deep_autoencoder",
        arguments={"code": 30},
        data="mnist",
        task="reconstruction",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="relative_to_pca", value=0.35, at_least=False),
        space={
            "optimizer.learning_rate": "log:3e-4..3e-2",
            "arguments.hidden.length": "int:1..3",
            "arguments.hidden.0": "int:250..1000:250",
            "arguments.hidden.1": "int:125..500:125",
            "arguments.hidden.2": "int:50..250:50",
        },
    )


@recipe
def stacked_autoencoder_mnist():
    """784-1000-500-250-30 of sigmoid units: Boltzmann machines layer by layer, then fine-tuned."""
    return _sigmoid_units(Pretraining(kind="rbm", epochs=5), 0.4)


@recipe
def joint_autoencoder_mnist():
    """The same sigmoid units trained jointly from random weights: where they stop without machines."""
    return _sigmoid_units(Pretraining(), 2.6)


def _sigmoid_units(pretraining, expected):
    return Recipe(
        model="stacked_autoencoder",
        arguments={"code": 30},
        data="mnist",
        task="reconstruction",
        epochs=8,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=1e-3, schedule="cosine", warmup=0.05),
        pretraining=pretraining,
        validation=0.05,
        expected=Expected(metric="relative_to_pca", value=expected, at_least=False),
    )
