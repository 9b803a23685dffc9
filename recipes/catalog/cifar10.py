"""Recipes on CIFAR-10: 60,000 colour pictures of 32×32 pixels (Krizhevsky, 2009)."""

from recipes.recipe import Augmentation, Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def resnet8_cifar10():
    """ResNet-8 of MLPerf Tiny, on CIFAR-10."""
    return Recipe(
        model="resnet8",
        data="cifar10",
        epochs=45,
        batch_size=128,
        optimizer=Optimizer(
            name="sgd", learning_rate=0.15, schedule="cosine", warmup=0.1, weight_decay=2.5e-3
        ),
        augmentation=Augmentation(translation=(0.1, 0.1), flip=True),
        validation=0.02,
        expected=Expected(metric="accuracy", value=0.85),
        space={
            "optimizer.learning_rate": "log:1e-2..1",
            "optimizer.weight_decay": "log:1e-4..1e-2",
            "augmentation.cutout": "int:0..12:4",
            "arguments.dropout": "float:0..0.4",
        },
    )
