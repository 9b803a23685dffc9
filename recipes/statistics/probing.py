"""Logits of a classification run's model or files, on examples held back and on the test split."""

import dataclasses

import numpy as np

from recipes import pipeline, tasks
from recipes.errors import RecipeError
from recipes.quantizing import validating


@dataclasses.dataclass(frozen=True)
class Probed:
    """Logits `(n, classes)` and classes `(n,)`."""

    logits: np.ndarray
    labels: np.ndarray

    @property
    def probabilities(self):
        """`(n, classes)` float64."""
        from scipy.special import softmax

        return softmax(self.logits.astype(np.float64), axis=-1)


def context_of(run, progress=None):
    """The `recipes.tasks.Context` of a run that classifies.

    Raises:
        RecipeError: It does something else.
    """
    recipe = run.recipe
    if recipe.task != "classification":
        raise RecipeError(
            f"{run.path} is a run of task={recipe.task}, which names no classes with probabilities: give a "
            "run of task=classification"
        )
    return tasks.Context(recipe, pipeline.prepare(recipe, progress))


def validation(predict, context, progress=None, stage="validation split"):
    """What `predict` gives for the validation split, a `Probed`."""
    return test(predict, validating(context), progress, stage)


def test(predict, context, progress=None, stage="test split"):
    """What `predict` gives for the test split, a `Probed`."""
    from recipes.data.feeding import test_batches
    from recipes.tasks.classification import collect

    labels, logits = collect(predict, test_batches(context.recipe, context.data, progress, stage))
    return Probed(logits, labels)


def report_of(run):
    """The `export.Report` of a run's files.

    Raises:
        RecipeError: They are not there, or not those that were checked.
    """
    from recipes.exports import exported

    report = exported(run)
    if report is None:
        raise RecipeError(f"{run.path} has no whole export; go on with `edgezoo run --resume {run.path}`")
    return report
