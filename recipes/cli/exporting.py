"""`edgezoo export`: files of a run or of any Keras model."""

import typer

from recipes.cli import explaining, files, options, output, quantizing, targets
from recipes.cli.exported import Asked, exported_model, exported_run


def export(
    context: typer.Context,
    target: options.RunOrModel,
    precision: options.Precisions = None,
    signature: options.Signatures = None,
    calibration: options.Calibration = None,
    out: options.Folder = None,
    explain: options.Explain = False,
    author: options.Author = "",
    license: options.License = "",
    labels: options.Labels = None,
    keep_float: options.KeepFloat = None,
    mixed: options.Mixed = None,
    mixed_from: options.MixedFrom = "int8",
    samples: options.Samples = None,
    ranges: options.Ranges = None,
    percentile: options.Percentile = None,
    equalize: options.Equalize = None,
    correct_bias: options.CorrectBias = None,
    device: options.Device = None,
    accelerator: options.Accelerator = None,
    as_json: options.Json = False,
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
    asked = Asked(
        target=target,
        precisions=targets.precisions(device, _precisions(precision), accelerator),
        signatures=signature,
        calibration=calibration,
        out=out,
        explain=explain,
        labels=labels,
        author=author,
        license=license,
        changes=quantizing.changes(keep_float, samples, ranges, percentile, equalize, correct_bias),
        search=quantizing.search(mixed, mixed_from, context),
        device=device,
        accelerator=accelerator,
    )
    files.existing(target)
    output.load_keras()
    with output.progress(quiet=as_json) as progress:
        report, folder = (exported_run if target.is_dir() else exported_model)(asked, progress)
        deliveries = targets.deliver(asked, report, folder, progress) if device else {}
    if device:
        raise typer.Exit(targets.print_deliveries(deliveries, report, as_json))
    _print(asked, report, folder, as_json)
    raise typer.Exit(0 if report.passed else 1)


def _print(asked, report, folder, as_json):
    import json

    from recipes.cli.report import print_report

    if as_json:
        layers = asked.explain and explaining.layers(report, asked.precisions)
        output.print_json(layers if asked.explain else json.loads(report.to_json()))
        return
    print_report(report, folder)
    if asked.explain:
        explaining.print_layers(report, asked.precisions)


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
