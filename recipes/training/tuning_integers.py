"""The second part of a training: fine-tuning with simulated integers."""

import math

import msgspec

from recipes import tasks
from recipes.compressing import Distillation
from recipes.errors import RecipeError
from recipes.recipe import Optimizer, Pretraining, Regularization
from recipes.training import teaching
from recipes.transfer import Transfer

FOLDER = "awareness"
"""Where in a run's directory the history and the checkpoints of this part are."""
_AT_ONCE = 256


def check(recipe):
    """Raise a `RecipeError` where a recipe asks for simulated integers of a precision that it does not export."""
    if recipe.quantization == "aware" and recipe.awareness.precision not in recipe.precisions:
        raise RecipeError(
            f"awareness.precision={recipe.awareness.precision} is not among the recipe's precisions "
            f"{', '.join(recipe.precisions)}: add it"
        )


def tune(run, model, data, progress=None):
    """The quantisation-aware twin of a trained model, fine-tuned as the recipe's `awareness` says.

    Augmentation, loss and validation are those of the recipe, without mixed images; a model whose outputs are
    classes learns them from what it gave in float (`awareness.distillation`), and keeps the weights it began
    with where it has not come closer to that on the validation split. It goes on from the newest checkpoint
    where there is one.

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
    signatures = getattr(model, "signatures", None)
    with distribution.current().building():
        aware = export.quantization_aware(model, values.precision, samples, values.ranges, signatures)
    second, teacher = second_part(recipe, context.train.size), teacher_of(recipe, model)
    start = aware.get_weights()
    fit(second, aware, data, recipe.seed, run.path / FOLDER, progress, teacher)
    if teacher:
        _keep_closer(aware, start, teacher, context.images(context.validation), progress)
    return aware


def _keep_closer(aware, start, teacher, images, progress):
    """Give `aware` the weights it began with, unless it has come closer to its teacher on held-out images."""
    import keras

    taught = teacher.model.predict(images, batch_size=_AT_ONCE, verbose=0)

    def divergence():
        own = aware.predict(images, batch_size=_AT_ONCE, verbose=0)
        return float(teacher.divergence(*map(keras.ops.convert_to_tensor, (own, taught))))

    learnt, after = aware.get_weights(), divergence()
    aware.set_weights(start)
    before = divergence()
    if after < before:
        aware.set_weights(learnt)
    elif progress:
        kept = "fine-tuning did not bring integers closer to the model in float: the weights from before are kept"
        progress(f"{kept} (divergence {before:.3g} before, {after:.3g} after)", 0, 0)


def teacher_of(recipe, model):
    """The model in float as what its twin learns from, a `Teaching`; `None` where it learns from labels alone."""
    share = recipe.awareness.distillation
    if not share or recipe.task not in teaching.CLASSES:
        return None
    return teaching.Teaching(model, Distillation(teacher="the model in float", temperature=1.0, weight=share), True)


def second_part(recipe, size):
    """The recipe by which the twin is trained on `size` examples; what was pruned or shares values stays so."""
    values = recipe.awareness
    passes = math.ceil(values.steps / max(1, size // recipe.batch_size))
    return msgspec.structs.replace(
        recipe,
        epochs=max(values.epochs, passes),
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
