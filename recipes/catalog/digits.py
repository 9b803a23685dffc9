"""Recipes on `digits`: 1,797 handwritten digits of 8×8 pixels that ship with scikit-learn."""

from recipes.recipe import Augmentation, Expected, Features, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def lenet5_digits():
    """LeNet-5 on the embedded digits, enlarged to 28×28: nothing to download."""
    return Recipe(
        model="lenet5",
        data="digits",
        features=Features(image_size=(28, 28)),
        epochs=50,
        batch_size=64,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        augmentation=Augmentation(translation=(0.08, 0.08)),
        expected=Expected(metric="accuracy", value=0.97),
        space={
            "optimizer.learning_rate": "log:3e-4..3e-2",
            "optimizer.name": "choice:adam,adamw,sgd",
            "optimizer.weight_decay": "float:0..0.1 if optimizer.name!=adam",
            "batch_size": "choice:16,32,64,128",
            "arguments.activation": "choice:tanh,scaled_tanh",
        },
    )
