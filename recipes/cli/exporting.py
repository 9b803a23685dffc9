"""`edgezoo export`: files of a run or of any Keras model."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import explaining, files, output, quantizing, targets


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
    files.existing(target)
    output.load_keras()
    with output.progress(quiet=as_json) as progress:
        if target.is_dir():
            report, folder = _export_run(
                target,
                precisions,
                signature,
                calibration,
                out,
                progress,
                explain,
                labels,
                author,
                license,
                changes,
                search,
                device,
            )
        else:
            metadata = _metadata(author, license, labels)
            report, folder = _export_model(
                target, precisions, signature, calibration, out, progress, metadata, changes, search
            )
        deliveries = (
            targets.deliver(
                target,
                report,
                folder,
                device,
                precisions,
                signature,
                labels,
                calibration,
                accelerator,
                progress,
            )
            if device
            else {}
        )
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


def _metadata(author, license, labels):
    import export

    return export.Metadata(author=author, license=license, labels=_lines(labels) if labels else ())


def _lines(path):
    from recipes.errors import RecipeError

    try:
        return tuple(files.existing(path).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is no text file with a class a line: {error}") from error


def _export_run(
    target,
    precisions,
    signatures,
    calibration,
    out,
    progress,
    explain,
    labels,
    author,
    license,
    changes,
    search,
    device,
):
    from recipes import parts, pipeline, rundir
    from recipes.errors import RecipeError
    from recipes.exports import explained
    from recipes.targets import whole

    if calibration or out or labels:
        raise RecipeError(
            "a run is calibrated on its own training data and exported into its own directory, with its own "
            "labels: leave out --calibration, --out and --labels"
        )
    run = rundir.open_run(target)
    anew = author or license or changes or search
    report = None
    if (explain or device) and not anew:
        report = (explained if explain else whole)(run, precisions, signatures)
    report = report or pipeline.export_files(
        run, precisions, progress, signatures, author, license, changes, search
    )
    return report, run.path / parts.folder(signatures)


def _export_model(target, precisions, signatures, calibration, out, progress, metadata, changes, search):
    """Any Keras model, or one part of it: float files without data, integer files with `--calibration`."""
    import export
    from recipes import rundir
    from recipes.errors import RecipeError
    from recipes.quantizing import closest_to

    model = _part(rundir.load_model(target), signatures)
    data = files.load_array(calibration) if calibration else None
    if precisions is None:
        precisions = export.DEFAULT_PRECISIONS if data is not None else ("float32", "float16", "dynamic_int8")
        if data is None:
            output.say("No --calibration data: int8 and int16x8 are left out.")
    if data is None and (search or {"int8", "int16x8", "int4"} & set(precisions)):
        raise RecipeError(
            "int8, int16x8, int4 and --mixed need --calibration FILE.npy, an array (n, …) of training inputs as the model takes them"
        )
    folder = out or target.with_name("-".join((target.stem, "export", *(signatures or ()))))
    batches = [data[:100]] if data is not None else [_noise(model)]
    report = export.export_model(
        model,
        folder,
        precisions=precisions,
        signatures={signatures[0]: model} if signatures else None,
        calibration=None if data is None else [data],
        calibration_description=f"{calibration}",
        batches=batches,
        name=target.name,
        metadata=metadata,
        progress=progress,
        options=export.QuantizationOptions(**changes),
        mixed=closest_to(model, data[:100], search) if search else None,
    )
    return report, folder


def _part(model, signatures):
    """The model, or the one part of it that a signature names; its inputs are what `--calibration` holds."""
    from recipes import parts
    from recipes.errors import RecipeError

    if not signatures:
        return model
    if len(signatures) > 1:
        raise RecipeError(
            f"--signature {' --signature '.join(signatures)}: of a MODEL.keras one part is exported at a time, "
            "calibrated on that part's own inputs; a run's directory takes several"
        )
    (part,) = parts.only(model, signatures).values()
    return part


def _noise(model):
    """Uniform noise in [0, 1] to compare files on where the user gave no data."""
    import numpy as np

    from recipes.errors import RecipeError

    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise RecipeError(f"the model's inputs have the shapes {shape}; one input of a fixed size is needed")
    return np.random.default_rng(0).random((16, *shape[1:]), np.float32)
