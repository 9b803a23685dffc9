"""`edgezoo calibrate` and `edgezoo conformal`: how far a file's probabilities can be believed."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import output
from recipes.cli.files import Json

Run = Annotated[pathlib.Path, typer.Argument(metavar="RUN", help="A finished run's directory.")]


def calibrate(run: Run, as_json: Json = False):
    """Fit a temperature on the validation split and fold it into the model and all its files.

    Classes stay as they are and files cost no more; their probabilities then say how often they are right.

    Example: `edgezoo calibrate runs/lenet5_mnist-seed0`
    """
    from recipes import rundir
    from recipes.statistics import calibrating

    opened = rundir.open_run(run)
    output.load_keras()
    with output.progress(quiet=as_json) as progress:
        found = calibrating.calibrate(opened, progress)
    if as_json:
        output.print_json(found)
        return
    rows = [
        [name, *(f"{part[when][key]:.4f}" for key in calibrating.MEASURES for when in ("before", "after"))]
        for name, part in found["test"].items()
    ]
    titles = [
        f">{key.replace('_', ' ')}, {when}" for key in calibrating.MEASURES for when in ("before", "after")
    ]
    output.table(f"{run}: temperature {found['temperature']:.4f}, test split", ["", *titles], rows)
    held_out = found["validation"]
    output.say(f"Fitted on {held_out['examples']:,} validation examples. Plot: {run}/plots/reliability.png")
    if held_out["errors"] < calibrating.FEW_ERRORS:
        output.say(
            f"the validation split has {held_out['errors']} errors only: the temperature rests on few, "
            "and other data may want another. More held back (--set validation=0.3) makes it surer.",
            "warning: ",
            "yellow",
        )


def conformal(
    run: Run,
    coverage: Annotated[
        float, typer.Option(help="Share of sets that are to hold the true class.", min=0.01, max=0.9999)
    ] = 0.95,
    as_json: Json = False,
):
    """Find, for every file of a run, how large sets of classes must be to hold the true one that often.

    The quantiles are found on the validation split, written into the JSON beside each file, and tried on the
    test split. `edgezoo predict` then names the set.

    Example: `edgezoo conformal runs/lenet5_mnist-seed0 --coverage 0.99`
    """
    from recipes import rundir
    from recipes.statistics import coverage as covering

    opened = rundir.open_run(run)
    output.load_keras()
    with output.progress(quiet=as_json) as progress:
        found = covering.measure(opened, coverage, progress)
    if as_json:
        output.print_json(found)
        return
    low, high = found["expected"]
    rows = [
        [name, method, f"{part['quantile']:.4g}", *(f"{part['test'][key]:.4f}" for key in covering.MEASURES)]
        for name, methods in found["files"].items()
        for method, part in methods.items()
    ]
    titles = ["file", "sets", ">quantile", *(f">{key.replace('_', ' ')}" for key in covering.MEASURES)]
    caption = (
        f"Quantiles of {found['examples']:,} validation examples. With exactly {coverage:g} asked for, 95 of "
        f"100 test splits of {found['test_examples']:,} come out between {low:.4f} and {high:.4f}."
    )
    output.table(
        f"{run}: sets that hold the true class with probability {coverage:g}", titles, rows, caption=caption
    )
    for text in found["notes"]:
        output.say(text)
