"""What `edgezoo export --explain` prints: the layers of each file, the one that loses most first."""

from recipes.cli import output

ROWS = 20


def print_layers(report, precisions=None):
    """A table for each file that was compared with the float32 file layer by layer."""
    for file, explanation in _explained(report, precisions):
        _print(file, explanation, named=len(file.explanations) > 1)


def layers(report, precisions=None):
    """The same for a script: a record a file and signature, with all its layers."""
    return [
        {
            "file": file.file,
            "signature": explanation.signature,
            "samples": explanation.samples,
            "layers": [_record(layer) for layer in explanation.ranked],
        }
        for file, explanation in _explained(report, precisions)
    ]


def _explained(report, precisions):
    for file in report.files:
        if precisions is None or file.precision in precisions:
            yield from ((file, explanation) for explanation in file.explanations)


def _print(file, explanation, named):
    shown = explanation.ranked[:ROWS]
    rows = [
        [
            place,
            layer.layer,
            layer.operator,
            f"{layer.own_error:.2e}",
            f"{layer.error:.2e}",
        ]
        for place, layer in enumerate(shown, 1)
    ]
    left = len(explanation.layers) - len(shown)
    caption = (
        f"Against float32.tflite over {explanation.samples} samples, root mean square in standard deviations"
        " of the layer's values. Own: what the layer adds on the inputs that it gets. So far: all that has come"
        f" together.{f' {left} more layers: --json.' if left else ''}"
    )
    title = f"{file.file}{f', {explanation.signature}' if named else ''}: where precision is lost"
    columns = [">", "layer", "operator", ">own error / σ", ">so far / σ"]
    output.table(title, columns, rows, caption=caption)


def _record(layer):
    return {
        "layer": layer.layer,
        "operator": layer.operator,
        "tensor": layer.tensor,
        "own_error": layer.own_error,
        "error": layer.error,
    }
