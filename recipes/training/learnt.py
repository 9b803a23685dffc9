"""All that a recipe has learnt, part after part: before, from labels, with simulated integers, and from scratch."""

import msgspec

from recipes import files, rundir
from recipes.learning import Pretraining
from recipes.training import distribution
from recipes.transfer import Transfer

FROM_SCRATCH = "from_scratch"
"""Where in a run's directory the history and the checkpoints of the model are that began with no weights."""


def model(run, data, progress=None):
    """The trained model: the architecture, or its twin that was fine-tuned with simulated integers.

    Every part goes on from its newest checkpoint.

    Args:
        run: A `recipes.rundir.Run`.
        data: The recipe's `Prepared` data.
        progress: Called as `progress(stage, done, total)`.
    """
    if run.recipe.quantization == "after":
        return in_float(run, data, progress)
    from recipes.training import tuning_integers

    if not run.float_file.exists():
        trained = in_float(run, data, progress)
        with files.replacing(run.float_file) as scratch:
            trained.save(scratch)
    return tuning_integers.tune(run, rundir.load_model(run.float_file), data, progress)


def in_float(run, data, progress=None, until=None):
    """The trained architecture; with `until`, as it is after so many epochs of the recipe's."""
    import keras

    from recipes.training import masked, teaching, transfer
    from recipes.training.fit import fit

    recipe = run.recipe
    teacher = teaching.load(recipe, run.path, progress)  # draws random numbers, so before the seed
    donor = transfer.load(recipe, run.path, progress)
    keras.utils.set_random_seed(recipe.seed)
    built = _built(recipe, data)
    masked.pretrain(run, built, data, progress)
    with transfer.begun(run, built, data, donor, progress):
        fit(recipe, built, data, recipe.seed, run.path, progress, teacher, until)
    return _without_heads(built)


def twin(run, data, progress=None):
    """Train what `transfer.compare` asks for, into `run.scratch_file`: the same without weights learnt before."""
    if not run.recipe.transfer.compare or run.scratch_file.exists():
        return
    import keras

    from recipes.training import teaching
    from recipes.training.fit import fit

    recipe = without(run.recipe)
    teacher = teaching.load(recipe, run.path, progress)
    keras.utils.set_random_seed(recipe.seed)
    built = _built(recipe, data)
    fit(recipe, built, data, recipe.seed, run.path / FROM_SCRATCH, _told(progress), teacher)
    with files.replacing(run.scratch_file) as scratch:
        _without_heads(built).save(scratch)


def without(recipe):
    """The recipe without weights that were learnt before."""
    return msgspec.structs.replace(recipe, transfer=Transfer(), pretraining=Pretraining())


def gain(task, scores, scratch):
    """What weights learnt before are worth: `fine_tuning_gain`, greater than 0 where they make it better.

    Args:
        task: The task's module.
        scores: Its metrics of the run's model on the test split.
        scratch: Those of the same model trained from scratch.
    """
    name = task.HEADLINE
    difference = scores[name] - scratch[name]
    return {
        f"from_scratch_{name}": scratch[name],
        "fine_tuning_gain": difference if task.HIGHER_IS_BETTER else -difference,
    }


def _built(recipe, data):
    from recipes import pipeline

    with distribution.current().building():
        return pipeline.build(recipe, data)


def _without_heads(built):
    """The model without what exists in training only."""
    return getattr(built, "without_heads", lambda: built)()


def _told(progress):
    def tell(stage, done, total):
        progress("training from scratch" if stage == "training" else f"from scratch, {stage}", done, total)

    return tell if progress else None
