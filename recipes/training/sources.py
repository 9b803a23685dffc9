"""Trained runs that a recipe builds on, a teacher or a source of weights: found, or trained first."""

import pathlib

from recipes import registry, rundir
from recipes.errors import RecipeError


def is_run(path):
    """Whether `path` is a run's directory."""
    return (pathlib.Path(path) / "recipe.json").is_file()


def recipe_of(name, value, seed):
    """The recipe of a trained run at `name`, or the recipe called so with `seed`.

    Args:
        name: The directory of a run, or the name of a recipe.
        value: The value that names it, for errors.
        seed: Of a recipe that has no run yet.

    Raises:
        RecipeError: There is neither, or the run holds no trained model.
    """
    if is_run(name):
        run = rundir.open_run(name)
        run.model()
        return run.recipe
    if name in registry.names():
        return registry.get(name, seed=seed)
    raise RecipeError(
        f"{value}={name}: there is no such recipe, nor a run's directory."
        f"{registry.closest(name, registry.names())} `edgezoo list recipes` shows all"
    )


def whole(name):
    """The directory of a run as an absolute path, so that what names it resumes from anywhere; else `name`."""
    return str(pathlib.Path(name).resolve()) if is_run(name) else name


def check_chain(recipe, other, value, following):
    """Raise a `RecipeError` where a recipe waits, by way of others, for itself.

    Args:
        recipe: The recipe that waits.
        other: The recipe it waits for.
        value: The value that names it, and a verb: `("distillation.teacher", "is taught by")`.
        following: From a recipe to the name that it waits for, or nothing.
    """
    name, verb = value
    seen, first = [recipe.name], other.name
    while other.name not in seen and following(other) in registry.names():
        seen.append(other.name)
        other = registry.get(following(other))
    if other.name in seen:
        raise RecipeError(f"{name}={first}: {f' {verb} '.join((*seen, other.name))}")


def trained(name, seed, folder, what, progress=None):
    """The trained run that `name` means, gone on with where it is not finished.

    Several workers train it together, as they do the run that waits for it.

    Args:
        name: The directory of a run, or the name of a recipe.
        seed: Of a recipe that has to be trained.
        folder: The directory of the run that waits for it; a new one gets its own beside it.
        what: What it is to that run, such as `the teacher`.
        progress: Called as `progress(stage, done, total)`.
    """
    from recipes import pipeline
    from recipes.training import distribution

    taken = distribution.current()
    run = taken.shared(lambda: _found_or_begun(name, seed, folder, what, progress))
    pipeline.train(run, progress, taken.name if taken.replicas > 1 else None)
    return run


def _found_or_begun(name, seed, folder, what, progress):
    """The run at `name`, or that of the recipe called so: in the usual places, else a new one."""
    from recipes import pipeline

    if is_run(name):
        return rundir.open_run(name)
    recipe = registry.get(name, seed=seed)
    default = rundir.default_path(recipe)
    beside = pathlib.Path(folder).resolve().parent / default.name
    there = next((path for path in (beside, default) if is_run(path)), None)
    if progress:
        progress(f"{what}: {there or beside}", 0, 0)
    return rundir.open_run(there) if there else pipeline.start(recipe, beside, progress)
