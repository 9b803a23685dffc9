"""`edgezoo tune`: a search for better values of a recipe."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import output
from recipes.cli.running import Json, Set

_SPACE = "Search this value in this range, such as `optimizer.learning_rate=log:1e-4..1e-1`; may be repeated."


def tune(
    recipe: Annotated[
        str | None, typer.Argument(help="A name that `edgezoo list` shows, or a recipe in a .yaml file.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="How many; 20 by default, for hyperband as many as its brackets have."),
    ] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="`bayesian` (the default), `random` or `hyperband`.")
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            help="The task's headline (the default), `int8_bytes`, `latency_ms` or `arena_bytes`; several for a "
            "front, the most important first."
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=RANGE", help=f"{_SPACE} In the place of the recipe's own space."),
    ] = None,
    values: Set = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random; 0 by default.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that run trials side by side.")] = 1,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="Directory of the search; searches/RECIPE-seedN by default."),
    ] = None,
    resume: Annotated[
        pathlib.Path | None,
        typer.Option(metavar="DIR", help="Go on with the search in DIR; with --trials, to as many."),
    ] = None,
    as_json: Json = False,
):
    """Search for better values of a recipe; each trial is a run, measured on the validation split.

    Ranges: `log:1e-4..1e-1`, `float:0..0.5`, `int:8..64:8` (with a step), `logint:8..512`, `choice:adam,sgd`; a
    value may depend on others: `"arguments.width=int:8..64 if arguments.depth>=2"`. Over several machines: the
    same command on each, in a folder they share, with KERASTUNER_TUNER_ID (`chief`, `worker1`, …),
    KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT set.

    Example: `edgezoo tune lenet5_digits --trials 20 --set epochs=10`,
    `edgezoo tune lenet5_digits --objective accuracy --objective latency_ms`,
    `edgezoo tune lenet5_digits --algorithm hyperband --workers 4`,
    `edgezoo tune --resume searches/lenet5_digits-seed0`
    """
    from recipes.cli import trials_table
    from recipes.tuning import crew, searching

    crew.end_with_the_leader()
    given = (algorithm, objective, space, values, seed, out)
    _check(recipe, resume, given)
    if _is_worker():
        _work(resume or out, recipe, values, seed, as_json)
        return
    search = _resumed(resume, trials) if resume else _begun(recipe, *given, trials, as_json)
    if workers > 1 and "latency_ms" in search.settings.objectives:
        output.say(
            "trials that run side by side slow one another down, so latency_ms says less", "note: ", "yellow"
        )
    try:
        with trials_table.watching(search, quiet=as_json):
            outcome = searching.proceed(search, workers)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted. Go on with: edgezoo tune --resume {search.path}") from None
    if as_json:
        from recipes.tuning.outcome import summary

        output.print_json(summary(outcome))
    else:
        trials_table.print_outcome(outcome)
    raise typer.Exit(0 if outcome.best else 1)


def _check(recipe, resume, given):
    from recipes import registry
    from recipes.errors import RecipeError

    if resume and (recipe or any(value is not None for value in given)):
        raise RecipeError(
            "--resume DIR goes on with a search as it was started; beside it there may be --trials and --workers"
        )
    if not resume and not recipe:
        raise RecipeError(f"which recipe? One of: {', '.join(registry.names())}")


def _begun(recipe, algorithm, objective, space, values, seed, out, trials, quiet):
    from recipes import registry
    from recipes.tuning import searching

    chosen = _chosen(recipe, values, seed)
    ranges = registry.parse_assignments(space, "--space") if space else None
    output.load_keras()
    with output.progress(quiet) as progress:
        return searching.begin(
            chosen, out, algorithm or "bayesian", trials, tuple(objective or ()), ranges, progress
        )


def _chosen(recipe, values, seed):
    from recipes import registry

    assignments = registry.parse_assignments(values or [])
    return registry.get(recipe, **assignments, **({} if seed is None else {"seed": seed}))


def _resumed(path, trials):
    from recipes.tuning import search, searching

    opened = search.open_search(path)
    output.load_keras()
    return searching.extended(opened, trials)


def _is_worker():
    import os

    return bool(os.environ.get("KERASTUNER_TUNER_ID")) and _role() == "worker"


def _role():
    output.load_keras()
    from recipes.tuning import serving

    return serving.role()


def _work(path, recipe, values, seed, as_json):
    from recipes.tuning import search, searching

    path = path or search.default_path(_chosen(recipe, values, seed))
    found = searching.help_out(path)
    if as_json:
        output.print_json({"search": str(found.path)})
    else:
        output.say(f"The search in {found.path} has no more trials.")
