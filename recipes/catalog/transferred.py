"""Recipes for few labelled examples: weights that begin with what another data set, or unlabelled images, taught.

Each also trains the same network from scratch, on the same examples for as many epochs, and reports the
difference on the test split as `fine_tuning_gain`.
"""

from recipes.learning import Masking, Pretraining
from recipes.recipe import Expected, Features, Optimizer, Recipe
from recipes.registry import recipe
from recipes.transfer import Transfer


@recipe
def lenet5_digits_from_mnist():
    """LeNet-5 as `lenet5_mnist` trained it, fine-tuned on 100 of the embedded digits."""
    return Recipe(
        model="lenet5",
        data="digits",
        features=Features(image_size=(28, 28)),
        examples=100,
        epochs=40,
        batch_size=16,
        optimizer=Optimizer(name="adam", learning_rate=1e-3, schedule="cosine", warmup=0.05),
        transfer=Transfer(source="lenet5_mnist", rate_decay=1.3, compare=True),
        expected=Expected(metric="fine_tuning_gain", value=0.02),
    )


@recipe
def separable_cnn_mnist_masked():
    """A small separable network fills in hidden patches of MNIST, then learns the digits from 300 labels."""
    return Recipe(
        model="separable_cnn",
        arguments={"filters": [32, 64, 64, 64], "stem_strides": 2},
        data="mnist",
        examples=300,
        epochs=40,
        batch_size=32,
        optimizer=Optimizer(
            name="adamw", learning_rate=3e-3, schedule="cosine", warmup=0.1, weight_decay=0.02
        ),
        pretraining=Pretraining(kind="masked", epochs=6, masking=Masking(ratio=0.75, patch_size=4, width=32)),
        transfer=Transfer(compare=True),
        expected=Expected(metric="fine_tuning_gain", value=0.03),
    )
