"""How a fine-tuning begins: what is asked for is checked, weights are taken over, layers are frozen."""

import contextlib
from typing import Any, NamedTuple

import keras
import msgspec

from recipes import rundir, tasks
from recipes.errors import RecipeError
from recipes.training import sources
from recipes.training.transfer import layers, rates, schedule, taking

_WITH_CLASSES = ("classification", "segmentation")


class Donor(NamedTuple):
    """A trained model whose weights are taken.

    Attributes:
        name: As the recipe gives it.
        model: A Keras model.
        classes: Names of the classes that it tells apart; none where it does not.
    """

    name: str
    model: Any
    classes: tuple


def resolve(recipe):
    """The recipe with a source that is there or can be trained; a run's directory as an absolute path.

    Raises:
        RecipeError: There is no such source, it is another architecture, or there is nothing to fine-tune.
    """
    values = recipe.transfer
    if not values.source:
        _check_needed(recipe)
        return recipe
    source = sources.recipe_of(values.source, "transfer.source", recipe.seed)
    if not sources.is_run(values.source):
        asked = ("transfer.source", "begins with the weights of")
        sources.check_chain(recipe, source, asked, lambda other: other.transfer.source)
    if source.model != recipe.model:
        raise RecipeError(
            f"transfer.source={values.source}: it is a {source.model}, and this recipe's model is a "
            f"{recipe.model}; weights go from an architecture to the same one. Give --set model={source.model}, or "
            "another source"
        )
    whole = msgspec.structs.replace(values, source=sources.whole(values.source))
    return msgspec.structs.replace(recipe, transfer=whole)


def check(recipe, model):
    """Raise a `RecipeError` where what is to be frozen or learnt later does not fit the model or the recipe."""
    values = recipe.transfer
    frozen = layers.matched(model, values.freeze, "transfer.freeze")
    if frozen and len(frozen) == len(layers.weighted(model)):
        raise RecipeError(
            f"transfer.freeze={','.join(values.freeze)} freezes every layer of {model.name}; leave one to be learnt"
        )
    made_smaller = {"pruning": recipe.pruning.sparsity, "clustering": recipe.clustering.clusters}
    for name, on in made_smaller.items():
        if on and set(values.freeze) - set(getattr(recipe, name).skip):
            raise RecipeError(
                f"{name} changes weights that transfer.freeze={','.join(values.freeze)} keeps: give {name}.skip the "
                "same patterns, or leave one of them out"
            )
    if values.unfreeze_every:
        with _frozen(frozen.values()):
            _check_stages(recipe, schedule.plan(model, values))


def _check_needed(recipe):
    values, plain = recipe.transfer, type(recipe.transfer)()
    given = [name for name in values.__struct_fields__ if getattr(values, name) != getattr(plain, name)]
    if given and recipe.pretraining.kind == "none":
        raise RecipeError(
            f"transfer.{given[0]} is for weights that were learnt before: give transfer.source (--from RUN or "
            "--from RECIPE), or pretraining.kind"
        )


def _check_stages(recipe, groups):
    first = groups[0]
    if first.begins >= recipe.epochs:
        raise RecipeError(
            f"transfer.unfreeze_every={recipe.transfer.unfreeze_every}: {recipe.model} has {len(groups)} groups of "
            f"layers, and {first.name} would be learnt from epoch {first.begins + 1} of {recipe.epochs} on. Give more "
            f"epochs, or freeze it (--set transfer.freeze='{first.name}*')"
        )
    if recipe.regularization.max_norm:
        raise RecipeError(
            "regularization.max_norm bounds weights that transfer.unfreeze_every does not learn yet; leave one of "
            "them out"
        )


def load(recipe, folder, progress=None):
    """The `Donor` that the recipe asks for, trained first where there is no run of it; or `None`.

    Args:
        recipe: A `recipes.recipe.Recipe`.
        folder: The run's own directory; a source that has to be trained gets one beside it.
        progress: Called as `progress(stage, done, total)`.
    """
    name = recipe.transfer.source
    if not name:
        return None
    run = sources.trained(name, recipe.seed, folder, "the source of weights", progress)
    labels = run.path / "labels.txt"
    told = run.recipe.task in _WITH_CLASSES and labels.exists()
    return Donor(name, run.model(), tuple(labels.read_text(encoding="utf-8").splitlines()) if told else ())


@contextlib.contextmanager
def begun(run, model, data, donor, progress=None):
    """`model` with the donor's weights, and within the block the recipe's layers frozen.

    What was taken, left out and frozen is told, and written down in `environment.json`.

    Args:
        run: A `recipes.rundir.Run`.
        model: The untrained architecture.
        data: The recipe's `Prepared` data.
        donor: From `load`, or `None`.
        progress: Called as `progress(stage, done, total)`.

    Raises:
        RecipeError: None of the weights fits, or a layer that begins anew is to be frozen.
    """
    values, noted = run.recipe.transfer, {}
    if donor:
        classes = data.classes if run.recipe.task in _WITH_CLASSES or tasks.conditional(run.recipe) else ()
        taken = taking.take(model, donor, values.head, classes)
        noted = {"source": donor.name, "taken": taken.layers, "left_out": taken.left_out}
    frozen = layers.matched(model, values.freeze, "transfer.freeze")
    if random := sorted(set(frozen) & set(noted.get("left_out", ()))):
        raise RecipeError(
            f"transfer.freeze={','.join(values.freeze)} would keep {random[0]} as it was drawn: it "
            f"{noted['left_out'][random[0]]}. Leave it out"
        )
    with _frozen(frozen.values()):
        _tell(run, model, {**noted, "frozen": list(frozen)}, progress)
        yield


@contextlib.contextmanager
def _frozen(chosen):
    """Within the block, the layers are not trainable; their batch normalisation is in inference mode."""
    held = [layer for layer in chosen if layer.trainable]
    for layer in held:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in held:
            layer.trainable = True


def _tell(run, model, noted, progress):
    """Say and write down what a model begins with; nothing of a recipe that fine-tunes nothing."""
    if run.recipe.transfer == type(run.recipe.transfer)():
        return
    groups = schedule.plan(model, run.recipe.transfer)
    noted["rates"] = {group.name: group.rate for group in groups}
    noted["learnt_from_epoch"] = {group.name: group.begins + 1 for group in groups}
    rundir.note(run, transfer=noted)
    if progress:
        for line in _lines(noted):
            progress(line, 0, 0)


def _lines(noted):
    if "source" in noted:
        yield f"weights of {noted['source']}: {', '.join(noted['taken'])}"
        for path, reason in noted["left_out"].items():
            yield f"left out: {path}, {reason}"
    if noted["frozen"]:
        yield f"frozen: {', '.join(noted['frozen'])}"
    if min(noted["rates"].values()) < 1:
        shown = ", ".join(f"{name} × {rate:.3g}" for name, rate in noted["rates"].items())
        yield f"learning rates: {shown}"
    if max(noted["learnt_from_epoch"].values()) > 1:
        shown = ", ".join(f"{name} {epoch}" for name, epoch in noted["learnt_from_epoch"].items())
        yield f"learnt from epoch: {shown}"


def optimizers(recipe):
    """The module whose optimisers the recipe needs: Keras's own, or those with a rate a layer."""
    return rates if _graded(recipe) else keras.optimizers


def _graded(recipe):
    return recipe.transfer.rate_decay > 1 or recipe.transfer.unfreeze_every > 0


@contextlib.contextmanager
def applied(recipe, model, trainee):
    """Within the block, `trainee` trains the groups of `model`'s layers when and as fast as the recipe says.

    Yields:
        The callbacks that `fit` needs.
    """
    if not _graded(recipe):
        yield []
        return
    with schedule.followed(schedule.plan(model, recipe.transfer), trainee) as callbacks:
        yield callbacks
