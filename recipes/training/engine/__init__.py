"""How a training is computed: what a recipe's `engine` asks for, done to the compiled model and its batches.

Everything here is undone when training ends: the model stays plain Keras in float32.
"""

import contextlib

from recipes.errors import RecipeError
from recipes.training import batch_norm
from recipes.training.engine import averaging, execution, memory, precision, residence, xla
from recipes.training.engine.memory import guarded
from recipes.training.engine.residence import batches
from recipes.training.engine.tensors import fed

__all__ = ["applied", "batches", "check", "compiling", "fed", "guarded", "settle"]


def check(recipe, model):
    """Raise a `RecipeError` where the recipe's `engine` does not fit its other values, its model or the backend."""
    values = recipe.engine
    if recipe.optimizer.clip_norm and recipe.optimizer.clip_value:
        raise RecipeError(
            "optimizer.clip_norm and optimizer.clip_value both clip the gradients; leave one of them out"
        )
    if values.ema and (recipe.pruning.sparsity or recipe.clustering.clusters):
        raise RecipeError(
            "engine.ema averages weights, and an average has neither their zeros nor their shared values; leave "
            "it out, or pruning and clustering"
        )
    xla.check(values, model)
    execution.check(values)
    residence.check(values)


def compiling(recipe, trainee):
    """The arguments of `keras.Model.compile` that the recipe's `engine` decides for a `Trainee`."""
    steps = recipe.engine.steps_per_execution
    return {
        "jit_compile": xla.chosen(recipe.engine, trainee).compile,
        "steps_per_execution": 1 if steps == "auto" else steps,
    }


@contextlib.contextmanager
def applied(recipe, model, trainee, train, progress=None):
    """Within the block, `trainee` trains `model` as the recipe's `engine` says, by the fastest kernels there are.

    Args:
        recipe: A `recipes.recipe.Recipe`.
        model: The architecture.
        trainee: The compiled model that trains it, its variables as they are to be at the start.
        train: The `recipes.data.feeding.Batches` that it is trained on.
        progress: Called as `progress(stage, done, total)`.

    Yields:
        The callbacks that `fit` needs.

    Raises:
        RecipeError: There are too few batches for an update.
        TrainingError: The device's memory, or the machine's, does not suffice.
    """
    values = recipe.engine
    if values.accumulation > len(train) * recipe.epochs:
        raise RecipeError(
            f"engine.accumulation={values.accumulation} is more than the {len(train) * recipe.epochs} batches of "
            "all epochs: no weight would change. Give fewer, or smaller batches"
        )
    with (
        memory.guarded(recipe, train.batch_size),
        precision.applied(model, values.precision_policy),
        batch_norm.fused(model),  # knows by the policy which it can do
    ):
        told = [precision.told(values), xla.chosen(values, trainee).reason, averaging.told(values)]
        if values.steps_per_execution == "auto":
            trainee.steps_per_execution, reason = execution.measured(trainee, train)
            told.append(reason)
        if progress and (told := "; ".join(filter(None, told))):
            progress(f"engine: {told}", 0, 0)
        yield [averaging.Validated()] if values.ema else []


def settle(recipe, trainee):
    """Give the model the averages of its weights, where there are some: also after its last epoch was read back."""
    if recipe.engine.ema:
        averaging.settle(trainee.optimizer)
