"""What a trial's model is worth, without a look at the test split."""

import numpy as np

from recipes import files, parts, quantizing, tasks
from recipes.data import prepared
from recipes.tuning.objectives import OF_FILES

_RUNS = 100  # inferences of which the latency is the median
FILE = "int8.tflite"
"""What a trial's int8 file is called, in the folder of its run."""


def measure(run, model, objectives, progress=None):
    """The value of each objective by name.

    The headline is taken by the task's own score, on the validation split. Sizes, latency and arena are
    those of the int8 file that the model becomes, calibrated as the recipe's would be.

    Args:
        run: The trial's run.
        model: Its model, trained as far as the trial goes.
        objectives: `recipes.tuning.objectives.Objective`s.
        progress: Called as `progress(stage, done, total)`.

    Raises:
        ExportError: The model does not become an int8 file, or that does not run where its arena is measured.
    """
    recipe = run.recipe
    context = tasks.Context(recipe, prepared.prepare(recipe.data, recipe.features, progress))
    found, content = {}, None
    for objective in objectives:
        if objective.name in OF_FILES:
            content = content or _int8(run, model, context)
            found[objective.name] = _of_file(objective.name, content)
        else:
            scores = quantizing.validating(context).score(tasks.keras_predictor(model))
            found[objective.name] = float(scores[objective.name])
    return found


def _int8(run, model, context):
    import export

    recipe, task = run.recipe, tasks.get(run.recipe.task)
    part = parts.choose(model, task)
    chosen = sorted(np.random.default_rng(recipe.seed).permutation(context.train.size)[: recipe.calibration])
    images = context.images(context.train.take(chosen))
    calibration = part.of(task.signature_inputs(model, images, recipe))
    content = export.to_tflite(
        model, "int8", calibration, signatures=part.models, options=quantizing.options(recipe)
    )
    with files.replacing(run.path / FILE) as scratch:
        scratch.write_bytes(content)
    return content


def _of_file(name, content):
    import export

    if name == "int8_bytes":
        return float(len(content))
    if name == "latency_ms":
        return export.benchmark(content, runs=_RUNS).median_ms
    return float(export.run_micro(content).arena_smallest)
