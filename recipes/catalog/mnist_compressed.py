"""Recipes for small files on MNIST (LeCun et al., 1998): pruned, of few values, taught by a larger network.

Each is LeNet-5 as `lenet5_mnist` trains it, but for what its name says, so that it can be compared with that.
"""

from recipes.compressing import Clustering, Distillation, Pruning
from recipes.recipe import Augmentation, Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def lenet5_mnist_pruned():
    """LeNet-5 with nine of ten weights zero, on MNIST."""
    return _lenet5(pruning=Pruning(sparsity=0.9))


@recipe
def lenet5_mnist_2to4():
    """LeNet-5 with two zeros among every four neighbouring weights, on MNIST."""
    return _lenet5(pruning=Pruning(sparsity=0.5, pattern="2:4"))


@recipe
def lenet5_mnist_clustered():
    """LeNet-5 with four of five weights zero and 15 values for the others, on MNIST."""
    return _lenet5(pruning=Pruning(sparsity=0.8), clustering=Clustering(clusters=16))


@recipe
def lenet1_mnist_distilled():
    """LeNet-1, trained as `lenet1_mnist`, with LeNet-5 as its teacher, on MNIST."""
    return Recipe(
        model="lenet1",
        data="mnist",
        epochs=12,
        batch_size=64,
        optimizer=Optimizer(name="adam", learning_rate=5e-3, schedule="cosine", warmup=0.05),
        distillation=Distillation(teacher="lenet5_mnist"),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.98),
    )


def _lenet5(**values):
    return Recipe(
        model="lenet5",
        data="mnist",
        epochs=20,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=3e-3, schedule="cosine", warmup=0.05),
        augmentation=Augmentation(translation=(0.07, 0.07)),
        validation=0.05,
        expected=Expected(metric="accuracy", value=0.99),
        **values,
    )
