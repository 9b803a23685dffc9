"""The options of `edgezoo export` that say how files of integers are made."""

from typing import Annotated

import typer

KeepFloat = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LAYER",
        help="Leave this layer, or all of a pattern, in float; may be repeated.",
        rich_help_panel="Integers",
    ),
]
Mixed = Annotated[
    float | None,
    typer.Option(
        metavar="WITHIN",
        help="Also make mixed.tflite: the fewest layers of more bits for a score within this of float32, on "
        "validation data.",
        rich_help_panel="Integers",
    ),
]
MixedFrom = Annotated[
    str,
    typer.Option(
        metavar="PRECISION",
        help="What most layers of mixed.tflite have: int8, int4 or int16x8.",
        rich_help_panel="Integers",
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(min=1, help="Calibrate by this many samples at most.", rich_help_panel="Integers"),
]
Ranges = Annotated[
    str | None,
    typer.Option(help="Ranges by min_max, moving_average or percentile.", rich_help_panel="Integers"),
]
Percentile = Annotated[
    float | None,
    typer.Option(help="Percent of values below a range's upper end.", rich_help_panel="Integers"),
]
Equalize = Annotated[
    str | None,
    typer.Option(help="Cross-layer equalisation: auto, always or never.", rich_help_panel="Integers"),
]
CorrectBias = Annotated[
    str | None,
    typer.Option(help="Bias correction: auto, always or never.", rich_help_panel="Integers"),
]


def changes(keep_float, samples, ranges, percentile, equalize, correct_bias):
    """The values of `export.QuantizationOptions` that were given, by name; a percentile asks for such ranges.

    Raises:
        export.InvalidInput: A value is out of range.
    """
    import export

    if percentile is not None and ranges is None:
        ranges = "percentile"
    given = {
        "keep_float": tuple(keep_float) if keep_float else None,
        "samples": samples,
        "ranges": ranges,
        "percentile": percentile,
        "equalize": equalize,
        "correct_bias": correct_bias,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    export.QuantizationOptions(**chosen)
    return chosen


def search(within, precision):
    """Precision and distance of `--mixed`, or None.

    Raises:
        export.InvalidInput: One of them can't be used.
    """
    import export

    if within is None:
        return None
    export.MixedSearch(score=len, within=within, precision=precision)
    return precision, within
