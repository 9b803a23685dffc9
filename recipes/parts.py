"""Some of a model's signatures in a file of their own: the encoder for a sensor, the decoder for a server."""

import dataclasses
import fnmatch

from recipes import registry
from recipes.errors import RecipeError


@dataclasses.dataclass(frozen=True)
class Part:
    """What of a model goes into a file.

    Attributes:
        models: By signature, as `export.export_model` takes them; `None` for a model without named ones.
        folder: Name of the folder for the files, in the run's directory.
        scored: Whether the task's score can be taken of such a file.
        notes: What the report has to say about it.
    """

    models: dict | None
    folder: str = "export"
    scored: bool = True
    notes: tuple[str, ...] = ()

    def of(self, inputs):
        """`inputs`, what `signature_inputs` of a task gives, without those of other signatures."""
        return {name: inputs[name] for name in self.models} if self.models else inputs


def choose(model, task, names=None):
    """The `Part` of `model` with the signatures `names`, in the model's own order; all by default.

    Args:
        model: A Keras model.
        task: The task's module.
        names: Names of signatures, or `None`.

    Raises:
        RecipeError: The model has no such signature.
    """
    models = getattr(model, "signatures", None)
    if not names:
        return Part(models)
    chosen = only(model, names)
    patterns = getattr(task, "SIGNATURES", models)
    asked = {name for pattern in patterns for name in fnmatch.filter(models, pattern)}
    missing = ", ".join(name for name in models if name in asked and name not in chosen)
    note = (
        f"Only {' and '.join(chosen)} of {', '.join(models)}: the task's score asks for {missing} too and was "
        "not taken."
    )
    return Part(chosen, folder(chosen), not missing, (note,) if missing else ())


def folder(names):
    """Name of the folder, in a run's directory, for files with the signatures `names` alone."""
    return "-".join(("export", *sorted(set(names or ()))))


def only(model, names):
    """The models behind the signatures `names` of `model`, in its own order.

    Raises:
        RecipeError: The model has no such signature.
    """
    models = getattr(model, "signatures", None) or {}
    for name in names:
        check(name, models, f"{model.name} has")
    return {name: part for name, part in models.items() if name in names}


def check(name, possible, owner):
    """Raise a `RecipeError` that begins with `owner` unless `name` is one of the `possible` signatures."""
    if name in possible:
        return
    which = f"Possible: {', '.join(possible)}" if possible else "It has no named ones: leave --signature out"
    raise RecipeError(f"{owner} no signature {name!r}.{registry.closest(name, possible)} {which}")


def check_scored(recipe, signatures, target):
    """Raise a `RecipeError` where a file's `signatures` lack what the task's score asks for."""
    from recipes import tasks

    asked = [
        name for name in getattr(tasks.get(recipe.task), "SIGNATURES", ("reconstruct",)) if "*" not in name
    ]
    if "serving_default" not in signatures and not set(asked) <= set(signatures):
        raise RecipeError(
            f"{target} has the signatures {', '.join(signatures)}; task={recipe.task} is scored by "
            f"{', '.join(asked)}: give a file that has them"
        )
