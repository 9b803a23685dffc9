"""One trial: a run of the recipe with other values, trained by the same code as any run."""

import os
import pathlib
import shutil
import tempfile
import time

import msgspec

from recipes import pipeline, rundir
from recipes.errors import RecipeError, TrainingError
from recipes.tuning import measuring
from recipes.tuning.search import Record

_PARENT, _EPOCHS = "tuner/trial_id", "tuner/epochs"  # Hyperband's, beside the values


class Failed(RuntimeError):
    """A trial that would end so again: its values can't be used, or its training diverges."""


def run(search, trial, coded, worker="", progress=None):
    """Train and measure one trial, or what is left of it; one that was completed is only read.

    Args:
        search: A `recipes.tuning.search.Search`.
        trial: The trial's name.
        coded: Its values as keras-tuner gave them.
        worker: Who runs it.
        progress: Called as `progress(stage, done, total)`.

    Returns:
        The value of each objective by name.

    Raises:
        Failed: It can't be trained or measured; its record says why.
    """
    values, before = search.space.decode(coded), search.record(trial)
    if before and before.status == "completed" and before.values == values:
        return before.objectives
    recipe = search.settings.recipe
    record = Record(
        trial=trial,
        values=values,
        epochs=coded.get(_EPOCHS, recipe.epochs),
        worker=worker,
        process=os.getpid(),
        parent=coded.get(_PARENT, ""),
        seconds=before.seconds if before and before.values == values else 0.0,
    )
    search.write(record)
    began = time.monotonic()
    try:
        found = _measured(search, record, progress)
    except Exception as error:
        _write(search, record, began, status="failed", error=_reason(error))
        if _is_foreseen(error):
            raise Failed(str(error)) from error
        raise
    _write(search, record, began, status="completed", objectives=found)
    return found


def _write(search, record, began, **changes):
    seconds = round(record.seconds + time.monotonic() - began, 2)
    search.write(msgspec.structs.replace(record, seconds=seconds, **changes))


def _measured(search, record, progress):
    import keras

    keras.utils.clear_session()  # what the trials before left behind
    opened, strategy = _opened(search, record), search.settings.strategy
    if record.epochs < opened.recipe.epochs:
        model = pipeline.pause(opened, record.epochs, progress, strategy)
    else:
        pipeline.train(opened, progress, strategy)
        model = opened.model()
    return measuring.measure(opened, model, search.objectives, progress)


def _opened(search, record):
    """The trial's run: there already, gone on with from an earlier trial's checkpoint, or new."""
    folder, recipe = search.folder(record.trial), search.space.recipe(record.values)
    if (folder / "recipe.json").is_file() and rundir.open_run(folder).recipe == recipe:
        return rundir.open_run(folder)
    if folder.exists():
        shutil.rmtree(folder)
    if record.parent and search.folder(record.parent).exists():
        _take_over(search.folder(record.parent), folder)
        return rundir.open_run(folder)
    return pipeline.start(recipe, folder)


def _take_over(parent, folder):
    """Copy a run as far as it got, whole or not at all."""
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    shutil.copytree(parent, scratch, dirs_exist_ok=True, ignore=shutil.ignore_patterns(measuring.FILE))
    scratch.rename(folder)


def _is_foreseen(error):
    import export

    return isinstance(error, RecipeError | TrainingError | export.ExportError)


def _reason(error):
    return str(error) if _is_foreseen(error) else f"{type(error).__name__}: {error}"
