"""What goes on in a model while it trains: gradients, updates, dead units and activations, layer by layer.

A run with `diagnostics.every` above zero gets `diagnostics.csv` with all readings, `diagnostics.json` with
what was found, event files for TensorBoard and `plots/diagnostics.png`.
"""

import numpy as np


def callbacks(context, trainee, steps, folder, progress=None):
    """The callbacks that watch `trainee` as its recipe asks; none where that is off.

    Args:
        context: A `recipes.tasks.Context`.
        trainee: A compiled and built `recipes.training.trainee.Trainee`.
        steps: Of one epoch.
        folder: The run's directory.
        progress: Called as `progress(message, 0, 0)` with what is found, or `None`.
    """
    recipe = context.recipe
    if not recipe.diagnostics.every:
        return []
    from recipes import tasks
    from recipes.data.feeding import Batches
    from recipes.diagnostics.callback import Diagnosis
    from recipes.diagnostics.probing import Probe

    count = min(recipe.diagnostics.examples, context.train.size)
    spread = np.linspace(0, context.train.size - 1, count).astype(int)
    conditional = tasks.conditional(recipe)
    x, y = Batches(context.train.take(spread), count, conditional=conditional)[0]
    return [Diagnosis(recipe, Probe(trainee, x, y), steps, folder, progress)]


def found(folder):
    """What was found in a run: a list of dicts with `kind`, `step`, `message` and `remedy`; empty without diagnostics."""
    from recipes import rundir
    from recipes.diagnostics.callback import SUMMARY

    return rundir.read_json(folder / SUMMARY)["findings"] if (folder / SUMMARY).exists() else []
