"""`edgezoo export`: files of a run or of any Keras model."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import files, output


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
    as_json: files.Json = False,
):
    """Export a run or a Keras model: files, checks and report.

    Example: `edgezoo export runs/lenet5_digits-seed0 --precision int8`,
    `edgezoo export runs/autoencoder_mnist-seed0 --signature encode`,
    `edgezoo export my_model.keras --calibration images.npy`
    """
    import json

    from recipes.cli.report import print_report

    precisions = _precisions(precision)
    files.existing(target)
    output.load_keras()
    with output.progress(quiet=as_json) as progress:
        if target.is_dir():
            report, folder = _export_run(target, precisions, signature, calibration, out, progress)
        else:
            report, folder = _export_model(target, precisions, signature, calibration, out, progress)
    if as_json:
        output.print_json(json.loads(report.to_json()))
    else:
        print_report(report, folder)
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


def _export_run(target, precisions, signatures, calibration, out, progress):
    from recipes import parts, pipeline, rundir
    from recipes.errors import RecipeError

    if calibration or out:
        raise RecipeError(
            "a run is calibrated on its own training data and exported into its own directory: "
            "leave out --calibration and --out"
        )
    run = rundir.open_run(target)
    report = pipeline.export_files(run, precisions, progress, signatures)
    return report, run.path / parts.folder(signatures)


def _export_model(target, precisions, signatures, calibration, out, progress):
    """Any Keras model, or one part of it: float files without data, integer files with `--calibration`."""
    import export
    from recipes import rundir
    from recipes.errors import RecipeError

    model = _part(rundir.load_model(target), signatures)
    data = files.load_array(calibration) if calibration else None
    if precisions is None:
        precisions = export.PRECISIONS if data is not None else ("float32", "float16", "dynamic_int8")
        if data is None:
            output.say("No --calibration data: int8 and int16x8 are left out.")
    if data is None and {"int8", "int16x8"} & set(precisions):
        raise RecipeError(
            "int8 and int16x8 need --calibration FILE.npy, an array (n, …) of training inputs as the model takes them"
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
        progress=progress,
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
