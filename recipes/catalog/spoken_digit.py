"""Recipes on Free Spoken Digit: 2,500 recordings of ten digits by five speakers, 8 kHz (Jackson, 2018)."""

from recipes.recipe import Augmentation, Expected, Features, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def ds_cnn_spoken_digit():
    """DS-CNN on log-mel bands of spoken digits, tested on a speaker it never heard."""
    return Recipe(
        model="ds_cnn",
        data="spoken_digit",
        features=Features(front_end="log_mel", held_out="yweweler"),
        epochs=60,
        batch_size=64,
        optimizer=Optimizer(
            name="adamw", learning_rate=3e-3, schedule="cosine", warmup=0.1, weight_decay=0.02
        ),
        augmentation=Augmentation(translation=(0.2, 0.1), zoom=(0.2, 0.1), erasing=0.5, equalization=0.3),
        label_smoothing=0.1,
        expected=Expected(metric="accuracy", value=0.80),
        space={
            "optimizer.learning_rate": "log:3e-4..3e-2",
            "optimizer.weight_decay": "log:1e-3..1e-1",
            "augmentation.equalization": "float:0..0.6",
            "label_smoothing": "float:0..0.2",
        },
    )
