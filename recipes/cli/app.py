"""The verbs, in the order in which they are met."""

from typing import Annotated

import typer

from recipes.cli import (
    attributing,
    benchmarking,
    calibrating,
    comparing,
    exporting,
    files,
    listing,
    planning,
    predicting,
    preparing,
    running,
    targets,
    tuning,
)
from recipes.cli.guard import guarded

app = typer.Typer(
    name="edgezoo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False):
    """Train a recipe, export it to the edge at every precision, and prove each file.

    Start with: `edgezoo run lenet5_digits`
    """


for _name, _verb in {
    "list": listing.list_,
    "show": listing.show,
    "prepare": preparing.prepare,
    "plan": planning.plan,
    "run": running.run,
    "train": running.train,
    "tune": tuning.tune,
    "evaluate": files.evaluate,
    "compare": comparing.compare,
    "calibrate": calibrating.calibrate,
    "conformal": calibrating.conformal,
    "export": exporting.export,
    "targets": targets.targets,
    "check": targets.check,
    "benchmark": benchmarking.benchmark,
    "predict": predicting.predict,
    "explain": attributing.explain,
}.items():
    app.command(_name)(guarded(_verb))
