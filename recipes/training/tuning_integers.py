"""The second part of a training: fine-tuning with simulated integers."""

import msgspec

from recipes import tasks
from recipes.errors import RecipeError
from recipes.recipe import Optimizer, Pretraining, Regularization
from recipes.transfer import Transfer

FOLDER = "awareness"
"""Where in a run's directory the history and the checkpoints of this part are."""


def check(recipe, model):
    """Raise a `RecipeError` where a recipe asks for simulated integers and its model can't have them."""
    if recipe.quantization == "aware" and getattr(model, "signatures", None):
        raise RecipeError(
            f"quantization=aware trains models of one signature; {recipe.model} has "
            f"{', '.join(model.signatures)}. Leave quantization=after"
        )
    if recipe.quantization == "aware" and recipe.awareness.precision not in recipe.precisions:
        raise RecipeError(
            f"awareness.precision={recipe.awareness.precision} is not among the recipe's precisions "
            f"{', '.join(recipe.precisions)}: add it"
        )


def tune(run, model, data, progress=None):
    """The quantisation-aware twin of a trained model, fine-tuned as the recipe's `awareness` says.

    Augmentation, loss and validation are those of the recipe, without mixed images. It goes on from the
    newest checkpoint where there is one.

    Args:
        run: The run, whose directory gets the folder `awareness`.
        model: The trained Keras model.
        data: The recipe's `Prepared` data.
        progress: Called as `progress(stage, done, total)`.
    """
    import keras
    import numpy as np

    import export
    from recipes.training import distribution
    from recipes.training.fit import fit

    recipe, values = run.recipe, run.recipe.awareness
    context = tasks.Context(recipe, data)
    chosen = sorted(np.random.default_rng(recipe.seed).permutation(context.train.size)[: recipe.calibration])
    samples = tasks.get(recipe.task).signature_inputs(
        model, context.images(context.train.take(chosen)), recipe
    )
    keras.utils.set_random_seed(recipe.seed)  # the same whether the first part ran in this process or before
    with distribution.current().building():
        aware = export.quantization_aware(model, values.precision, samples, values.ranges)
    fit(second_part(recipe), aware, data, recipe.seed, run.path / FOLDER, progress)
    return aware


def second_part(recipe):
    """The recipe by which the twin is trained; what was pruned or shares values stays so."""
    values = recipe.awareness
    return msgspec.structs.replace(
        recipe,
        epochs=values.epochs,
        optimizer=Optimizer(
            learning_rate=values.learning_rate, schedule="cosine", warmup=0.05, clip_norm=1.0
        ),
        augmentation=msgspec.structs.replace(recipe.augmentation, mixup=0.0, cutmix=0.0),
        regularization=Regularization(),
        engine=msgspec.structs.replace(recipe.engine, precision_policy="float32", ema=0.0),
        pretraining=Pretraining(),
        transfer=Transfer(),
        distillation=type(recipe.distillation)(),
    )
