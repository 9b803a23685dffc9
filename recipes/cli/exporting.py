"""`edgezoo export`: files of a run or of any Keras model."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import explaining, files, output, quantizing, targets
from recipes.cli.exported import Asked, exported_model, exported_run


def export(
    target: Annotated[
        pathlib.Path,
        typer.Argument(metavar="RUN|MODEL.keras", help="A run's directory, or any Keras 3 model."),
    ],
    precision: Annotated[
        list[str] | None,
        typer.Option(help="This precision, beside the files that are there; may be repeated."),
    ] = None,
    signature: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this signature, such as `encode`; may be repeated. Into a folder of its own."
        ),
    ] = None,
    calibration: Annotated[
        pathlib.Path | None, typer.Option(help="A .npy of training inputs (n, …), for a MODEL.keras.")
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="Folder for the files of a MODEL.keras; MODEL-export by default."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show each file's layers by what they lose; a run is exported first only where it has to be.",
        ),
    ] = False,
    author: Annotated[str, typer.Option(help="Who made the model, for the metadata in the files.")] = "",
    license: Annotated[str, typer.Option(help="The files' licence, such as `Apache-2.0`.")] = "",
    labels: Annotated[
        pathlib.Path | None,
        typer.Option(help="A text file with a class a line, for a MODEL.keras; a run knows its own."),
    ] = None,
    keep_float: quantizing.KeepFloat = None,
    mixed: quantizing.Mixed = None,
    mixed_from: quantizing.MixedFrom = "int8",
    samples: quantizing.Samples = None,
    ranges: quantizing.Ranges = None,
    percentile: quantizing.Percentile = None,
    equalize: quantizing.Equalize = None,
    correct_bias: quantizing.CorrectBias = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="Also put together what this device needs; `edgezoo targets` lists them. In its best "
            "precision, unless --precision says which.",
        ),
    ] = None,
    accelerator: targets.Accelerator = None,
    as_json: files.Json = False,
):
    """Export a run or a Keras model: files, checks and report.

    Example: `edgezoo export runs/lenet5_digits-seed0 --precision int8`,
    `edgezoo export runs/autoencoder_mnist-seed0 --signature encode`,
    `edgezoo export runs/lenet5_digits-seed0 --explain`,
    `edgezoo export runs/lenet5_digits-seed0 --keep-float logits --ranges percentile`,
    `edgezoo export runs/lenet5_digits-seed0 --mixed 0.001`,
    `edgezoo export runs/lenet5_digits-seed0 --target tflite_micro`,
    `edgezoo export my_model.keras --calibration images.npy --labels labels.txt`
    """
    import json

    from recipes.cli.report import print_report

    precisions = _precisions(precision)
    if device:
        precisions = targets.precisions(device, precisions, accelerator)
    changes = quantizing.changes(keep_float, samples, ranges, percentile, equalize, correct_bias)
    search = quantizing.search(mixed, mixed_from)
    asked = Asked(
        target,
        precisions,
        signature,
        calibration,
        out,
        explain,
        labels,
        author,
        license,
        changes,
        search,
        device,
    )
    files.existing(target)
    output.load_keras()
    with output.progress(quiet=as_json) as progress:
        report, folder = (exported_run if target.is_dir() else exported_model)(asked, progress)
        deliveries = targets.deliver(asked, report, folder, accelerator, progress) if device else {}
    if device:
        raise typer.Exit(targets.print_deliveries(deliveries, report, as_json))
    if as_json:
        content = explaining.layers(report, precisions) if explain else json.loads(report.to_json())
        output.print_json(content)
    else:
        print_report(report, folder)
    if explain and not as_json:
        explaining.print_layers(report, precisions)
    raise typer.Exit(0 if report.passed else 1)


def _precisions(given):
    import export
    from recipes import registry
    from recipes.errors import RecipeError

    for name in given or ():
        if name not in export.PRECISIONS:
            raise RecipeError(
                f"there is no precision {name!r}.{registry.closest(name, export.PRECISIONS)} "
                f"Possible: {', '.join(export.PRECISIONS)}"
            )
    return tuple(given) if given else None
