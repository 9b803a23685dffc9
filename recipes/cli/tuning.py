"""`edgezoo tune`: a search for better values of a recipe."""

import typer

from recipes.cli import options, output


def tune(
    recipe: options.RecipeOrFile = None,
    trials: options.Trials = None,
    algorithm: options.Algorithm = None,
    objective: options.Objective = None,
    space: options.Space = None,
    values: options.Set = None,
    seed: options.Seed = None,
    workers: options.Workers = 1,
    strategy: options.HereStrategy = None,
    out: options.SearchOut = None,
    resume: options.ResumeSearch = None,
    as_json: options.Json = False,
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
    search = (
        _resumed(resume, trials, strategy) if resume else _begun(recipe, *given, trials, strategy, as_json)
    )
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
            "--resume DIR goes on with a search as it was started; beside it there may be --trials, --workers "
            "and --strategy"
        )
    if not resume and not recipe:
        raise RecipeError(f"which recipe? One of: {', '.join(registry.names())}")


def _begun(recipe, algorithm, objective, space, values, seed, out, trials, strategy, quiet):
    from recipes import registry
    from recipes.tuning import searching

    chosen = _chosen(recipe, values, seed)
    ranges = registry.parse_assignments(space, "--space") if space else None
    output.load_keras()
    with output.progress(quiet) as progress:
        return searching.begin(
            chosen, out, algorithm or "bayesian", trials, tuple(objective or ()), ranges, progress, strategy
        )


def _chosen(recipe, values, seed):
    from recipes import registry

    assignments = registry.parse_assignments(values or [])
    return registry.get(recipe, **assignments, **({} if seed is None else {"seed": seed}))


def _resumed(path, trials, strategy):
    from recipes.tuning import search, searching

    opened = search.open_search(path)
    output.load_keras()
    return searching.extended(opened, trials, strategy)


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
