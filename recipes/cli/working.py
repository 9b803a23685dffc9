"""The run that a verb works on, new or gone on with, on one worker or several."""

import contextlib
import os
import sys
import time

import msgspec

from recipes.cli import output

_RESTARTS = "EDGEZOO_RESTARTS"  # times at which this process began its command again, for itself
_MOST, _WITHIN = 5, 600  # restarts in so many seconds after which something else is wrong


def open_run(recipe, out, seed, values, resume, strategy, quiet):
    """The `Run` to work on, its values checked before anything else, and the same one on every worker.

    Args:
        recipe: A recipe's name, or `None` with `resume`.
        out: Directory of a new run, or `None`.
        seed: Its seed, or `None`.
        values: Assignments `KEY=VALUE`.
        resume: Directory of a run to go on with, or `None`.
        strategy: As `--strategy` was given, or `None`.
        quiet: Whether nothing is told.

    Raises:
        RecipeError: What was given can't be used.
    """
    from recipes import pipeline, registry, rundir
    from recipes.errors import RecipeError

    if resume:
        if recipe or out or seed is not None or values:
            raise RecipeError(
                "--resume DIR goes on with a run as it was started; give no recipe, --out, --seed or --set"
            )
        return _resumed(resume, strategy)
    if not recipe:
        raise RecipeError(f"which recipe? One of: {', '.join(registry.names())}")
    assignments = registry.parse_assignments(values or [])
    if seed is not None:
        assignments["seed"] = seed
    chosen = registry.get(recipe, **assignments)
    taken = _take(strategy)

    def begin():
        path = out or rundir.default_path(chosen)
        if taken.name == "multiworker" and (held := _held(path, chosen)):
            return held
        with output.progress(quiet) as progress:
            return pipeline.start(chosen, out, progress)

    return taken.shared(begin)


def _resumed(path, strategy):
    """The run at `path`; a worker that is not the chief need not have it."""
    from recipes import rundir
    from recipes.errors import RecipeError

    try:
        held, wrong = rundir.open_run(path), None
    except RecipeError as error:
        held, wrong = None, error
    noted = rundir.noted(held, "strategy") if held else None
    if held and held.trained and not strategy and noted != "multiworker":
        output.load_keras()
        return held
    if wrong and not (os.environ.get("TF_CONFIG") or strategy == "multiworker"):
        raise wrong
    return _take(strategy or noted).shared(lambda: rundir.open_run(path))


def _take(strategy):
    from recipes.errors import RecipeError
    from recipes.training import distribution

    if strategy and strategy not in distribution.NAMES:
        raise RecipeError(distribution.unknown(strategy))
    output.load_keras()
    return distribution.take(strategy or "auto")


def _held(path, chosen):
    """The run of the same recipe that is at `path` already, as after a restart of a worker; else `None`."""
    from recipes import rundir

    if not (path / "recipe.json").is_file():
        return None
    held = rundir.open_run(path)
    paths = ("data", "distillation", "transfer")
    same = {name: getattr(held.recipe, name) for name in paths}  # written with whole paths
    return held if msgspec.structs.replace(chosen, **same) == held.recipe else None


@contextlib.contextmanager
def together():
    """When another worker is lost within the block, this one begins its command again, and waits for it."""
    from recipes.errors import WorkerLost

    try:
        yield
    except WorkerLost as error:
        _begin_again(error)


def _begin_again(error):
    from recipes.training import distribution

    now = time.time()
    times = [t for t in map(float, os.environ.get(_RESTARTS, "").split()) if now - t < _WITHIN]
    if len(times) >= _MOST:
        raise error
    output.say(f"{error}. This one waits for it", "lost: ", "bold yellow")
    distribution.current().finish()
    sys.stdout.flush()
    os.environ[_RESTARTS] = " ".join(map(str, [*times, now]))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@contextlib.contextmanager
def resumable(opened, verb):
    """An interrupt within the block says how the run goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted. Go on with: edgezoo {verb} --resume {opened.path}") from None


def done():
    """Say that this worker's part is done, where another one writes the run down."""
    from recipes.training import distribution

    if not distribution.current().chief:
        output.say("This worker has done its part; the chief has the run")
    distribution.current().finish()
