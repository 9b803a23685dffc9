"""`edgezoo run` and `edgezoo train`."""

import contextlib
import pathlib
from typing import Annotated

import typer

from recipes.cli import output

Recipe = Annotated[str | None, typer.Argument(help="A name that `edgezoo list` shows.")]
Out = Annotated[pathlib.Path | None, typer.Option(help="Directory of the run; runs/RECIPE-seedN by default.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random; 0 by default.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value; `edgezoo show RECIPE` lists them."),
]
Resume = Annotated[pathlib.Path | None, typer.Option(metavar="DIR", help="Go on with the run in DIR.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script, no progress.")]


def run(
    recipe: Recipe = None,
    out: Out = None,
    seed: Seed = None,
    values: Set = None,
    resume: Resume = None,
    as_json: Json = False,
):
    """Train a recipe, evaluate, export, verify and report.

    Example: `edgezoo run lenet5_mnist --seed 1 --set epochs=5 --set optimizer.learning_rate=3e-4`
    """
    from recipes import pipeline

    opened = _open(recipe, out, seed, values, resume, as_json)
    with _resumable(opened, "run"), output.progress(quiet=as_json) as progress:
        result = pipeline.finish(opened, progress)
    if as_json:
        output.print_json(_content(result))
    else:
        from recipes.cli.report import print_result

        print_result(result)
    raise typer.Exit(0 if result.passed else 1)


def train(
    recipe: Recipe = None,
    out: Out = None,
    seed: Seed = None,
    values: Set = None,
    resume: Resume = None,
    as_json: Json = False,
):
    """Train a recipe; a killed run goes on with --resume and ends as if it had run through.

    Example: `edgezoo train lenet5_mnist --out runs/a`, `edgezoo train --resume runs/a`
    """
    from recipes import pipeline

    opened = _open(recipe, out, seed, values, resume, as_json)
    with _resumable(opened, "train"), output.progress(quiet=as_json) as progress:
        pipeline.train(opened, progress)
    last = opened.history()[-1]
    if as_json:
        output.print_json({"run": str(opened.path), "epochs": int(last["epoch"]), "last_epoch": last})
    else:
        output.say(f"Trained: {opened.path}. Next: edgezoo run --resume {opened.path}")


@contextlib.contextmanager
def _resumable(opened, verb):
    """An interrupt within the block says how the run goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted. Go on with: edgezoo {verb} --resume {opened.path}") from None


def _open(recipe, out, seed, values, resume, quiet):
    """The run to work on, new or gone on with, its values checked before anything else."""
    from recipes import pipeline, registry, rundir
    from recipes.errors import RecipeError

    if resume:
        if recipe or out or seed is not None or values:
            raise RecipeError(
                "--resume DIR goes on with a run as it was started; give no recipe, --out, --seed or --set"
            )
        opened = rundir.open_run(resume)
        output.load_keras()
        return opened
    if not recipe:
        raise RecipeError(f"which recipe? One of: {', '.join(registry.names())}")
    assignments = registry.parse_assignments(values or [])
    if seed is not None:
        assignments["seed"] = seed
    chosen = registry.get(recipe, **assignments)
    output.load_keras()
    with output.progress(quiet) as progress:
        return pipeline.start(chosen, out, progress)


def _content(result):
    return {
        "run": str(result.run.path),
        "metrics": result.metrics,
        "report": str(result.run.path / "export" / "report.json"),
        "passed": result.passed,
        "problems": list(result.problems),
    }
