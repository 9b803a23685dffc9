"""`edgezoo run` and `edgezoo train`."""

import typer

from recipes.cli import diagnosing, options, output, working


def run(
    recipe: options.Recipe = None,
    out: options.Out = None,
    seed: options.Seed = None,
    values: options.Set = None,
    source: options.Source = None,
    watched: options.Diagnostics = False,
    precision_policy: options.PrecisionPolicy = None,
    strategy: options.Strategy = None,
    resume: options.Resume = None,
    as_json: options.Json = False,
):
    """Train a recipe, evaluate, export, verify and report.

    Example: `edgezoo run lenet5_mnist --seed 1 --set epochs=5 --set optimizer.learning_rate=3e-4`
    """
    from recipes import pipeline

    assigned = diagnosing.assignments(values, watched)
    values = _with(assigned, precision_policy=precision_policy, source=source)
    with working.together():
        opened = working.open_run(recipe, out, seed, values, resume, strategy, as_json)
        with working.resumable(opened, "run"), output.progress(quiet=as_json) as progress:
            result = pipeline.finish(opened, progress, strategy)
    working.done()
    if result is None:
        return
    if as_json:
        output.print_json(_content(result) | diagnosing.content(opened))
    else:
        from recipes.cli.report import print_result

        print_result(result)
        diagnosing.print_findings(opened)
    raise typer.Exit(0 if result.passed else 1)


def train(
    recipe: options.Recipe = None,
    out: options.Out = None,
    seed: options.Seed = None,
    values: options.Set = None,
    source: options.Source = None,
    watched: options.Diagnostics = False,
    precision_policy: options.PrecisionPolicy = None,
    strategy: options.Strategy = None,
    resume: options.Resume = None,
    as_json: options.Json = False,
):
    """Train a recipe; a killed run goes on with --resume and ends as if it had run through.

    Example: `edgezoo train lenet5_mnist --out runs/a`, `edgezoo train --resume runs/a`
    """
    from recipes import pipeline

    assigned = diagnosing.assignments(values, watched)
    values = _with(assigned, precision_policy=precision_policy, source=source)
    with working.together():
        opened = working.open_run(recipe, out, seed, values, resume, strategy, as_json)
        with working.resumable(opened, "train"), output.progress(quiet=as_json) as progress:
            chief = pipeline.train(opened, progress, strategy)
    working.done()
    if not chief:
        return
    last = opened.history()[-1]
    if as_json:
        content = {"run": str(opened.path), "epochs": int(last["epoch"]), "last_epoch": last}
        output.print_json(content | diagnosing.content(opened))
    else:
        diagnosing.print_findings(opened)
        output.say(f"Trained: {opened.path}. Next: edgezoo run --resume {opened.path}")


def _with(values, **given):
    """The assignments, with those that have options of their own, by the last part of their names."""
    names = {"precision_policy": "engine.precision_policy", "source": "transfer.source"}
    return [*(values or []), *(f"{names[option]}={value}" for option, value in given.items() if value)]


def _content(result):
    return {
        "run": str(result.run.path),
        "metrics": result.metrics,
        "report": str(result.run.path / "export" / "report.json"),
        "passed": result.passed,
        "problems": list(result.problems),
    }
