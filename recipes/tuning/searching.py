"""`recipes.tune`: begin a search, go on with one, and say what it came to."""

import contextlib
import os
import pathlib
import time

import msgspec

from recipes import registry
from recipes.errors import RecipeError, TrainingError
from recipes.tuning import objectives as measures
from recipes.tuning import search as searches
from recipes.tuning.space import Space

TRIALS = 20
_ONE_MACHINE = "a search trains each trial on one machine"
_INSTEAD = (
    "It goes over machines by trials: the same command on each with KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and "
    "KERASTUNER_ORACLE_PORT set, without TF_CONFIG. Give --strategy mirrored, cpu or gpu for each"
)


def tune(
    name,
    /,
    out=None,
    algorithm="bayesian",
    trials=None,
    objectives=(),
    space=None,
    seed=0,
    workers=1,
    progress=None,
    strategy=None,
    **overrides,
):
    """Search for better values of the recipe called `name`.

    Each trial is a run of the recipe with other values, measured on the validation split. With several
    objectives each trial follows another weighting of them (see `recipes.tuning.scalarizing`).

    Args:
        name: A name from `recipes.names()`, or a recipe's `.yaml` file.
        out: The search's directory, new or empty; `searches/{name}-seed{seed}` by default.
        algorithm: `bayesian`, `random` or `hyperband`.
        trials: How many; 20 by default, for `hyperband` as many as its brackets have.
        objectives: Names, the most important first: the task's headline, which is the default, `int8_bytes`,
            `latency_ms`, `arena_bytes`.
        space: Ranges by name, such as `{"optimizer.learning_rate": "log:1e-4..1e-1"}`; the recipe's own by
            default.
        seed: Of everything random.
        workers: Processes that run trials; 1 is this one.
        progress: Called as `progress(stage, done, total)`.
        strategy: Where each trial trains, one of `recipes.training.distribution.NAMES` but `multiworker`; what the
            machine has by default.
        **overrides: New values for the recipe, the same in all trials.

    Returns:
        A `recipes.tuning.outcome.Outcome`.

    Raises:
        RecipeError: A name, a value, a range or the directory cannot be used; nothing was trained.
        TrainingError: The search could not go on.
    """
    recipe = registry.get(name, seed=seed, **overrides)
    search = begin(recipe, out, algorithm, trials, objectives, space, progress, strategy)
    return proceed(search, workers, progress)


def begin(
    recipe,
    out=None,
    algorithm="bayesian",
    trials=None,
    objectives=(),
    space=None,
    progress=None,
    strategy=None,
):
    """Make a search's directory, once its space fits the recipe and the architecture; see `tune`.

    Raises:
        RecipeError: Something can't be used; nothing was written.
    """
    from recipes import pipeline, tasks
    from recipes.training import teaching

    out = out or searches.default_path(recipe)
    searches.check_free(out)
    if algorithm not in ("bayesian", "random", "hyperband"):
        hint = registry.closest(algorithm, ("bayesian", "random", "hyperband"))
        raise RecipeError(f"there is no algorithm {algorithm!r}.{hint} Possible: bayesian, random, hyperband")
    names = tuple(o.name for o in measures.get(recipe.task, tuple(objectives)))
    take(strategy or "auto").check(recipe)
    recipe = _placed(teaching.check(recipe))
    found = Space(recipe, space or recipe.space)
    data = pipeline.prepare(recipe, progress)
    tasks.check_labels(recipe, data)
    found.check_architectures(data)
    settings = searches.Settings(
        recipe=recipe,
        space=found.texts,
        objectives=names,
        algorithm=algorithm,
        trials=trials or (None if algorithm == "hyperband" else TRIALS),
        strategy=strategy or "auto",
    )
    return searches.create(out, settings)


def proceed(search, workers=1, progress=None):
    """Run what is left of a search, in this process or as the chief of others. Returns an `Outcome`.

    Raises:
        RecipeError: Another process is at this search, or what it remembers is damaged.
        TrainingError: The search could not go on.
    """
    from recipes.training import teaching
    from recipes.tuning import oracles, outcome, serving, working

    chief = serving.role() == "chief"
    take(search.settings.strategy)
    with _alone(search):
        oracle = oracles.build(search)
        if search.oracle_file.exists():
            oracle.reload(running=chief)
        teaching.load(search.settings.recipe, search.path / "trials" / "teacher", progress)  # once for all
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # keras-tuner prints
            if chief or workers > 1:
                serving.lead(search, oracle, 0 if chief else workers)
            else:
                working.work(search, oracle, "worker0", progress=progress)
        return outcome.conclude(search)


def help_out(path):
    """Run trials for the chief that the environment names, once it has made the search's directory.

    Returns:
        The `Search`, when it has no more trials.

    Raises:
        TrainingError: The directory does not come, or the chief does not answer.
    """
    from recipes.tuning import serving

    file = pathlib.Path(path) / "search.json"
    end = time.monotonic() + serving.ABSENCE
    while not file.exists():
        if time.monotonic() > end:
            raise TrainingError(
                f"{path} held no search for {serving.ABSENCE:.0f} s. The chief makes it: all machines need the "
                "same folder, and the same --out"
            )
        time.sleep(0.5)
    search = searches.open_search(path)
    take(search.settings.strategy)
    serving.join(search)
    return search


def extended(search, trials=None, strategy=None):
    """The search with another number of trials or another strategy, which its directory remembers."""
    if strategy:
        take(strategy).check(search.settings.recipe)
    given = {name: value for name, value in (("trials", trials), ("strategy", strategy)) if value}
    changed = msgspec.structs.replace(search.settings, **given)
    return search if changed == search.settings else searches.keep(search.path, changed)


def take(strategy):
    """The strategy called `strategy`, by which this process trains trials."""
    from recipes.training import distribution

    return distribution.take_here(strategy, _ONE_MACHINE, _INSTEAD)


def _placed(recipe):
    """The recipe with a folder of data as a place that does not depend on the working directory."""
    from recipes.data.places import absolute

    if not recipe.data.startswith("folder:"):
        return recipe
    return msgspec.structs.replace(recipe, data=absolute(recipe.data))


@contextlib.contextmanager
def _alone(search):
    """Within the block no other process of this machine goes on with the search."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    with open(search.path / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecipeError(
                f"another process is at the search in {search.path}: wait, or end it"
            ) from error
        yield
