"""The options and arguments of the verbs that have many, or share them."""

import pathlib
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script, no progress.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value; `edgezoo show RECIPE` lists them."),
]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random; 0 by default.")]

# Of `edgezoo run` and `edgezoo train`.
Recipe = Annotated[str | None, typer.Argument(help="A name that `edgezoo list` shows.")]
Out = Annotated[pathlib.Path | None, typer.Option(help="Directory of the run; runs/RECIPE-seedN by default.")]
PrecisionPolicy = Annotated[
    str | None,
    typer.Option(help="What layers compute in while they train: float32, mixed_float16 or mixed_bfloat16."),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        help="Where it trains: auto, cpu, gpu, mirrored (all devices here), multiworker (as TF_CONFIG says) or "
        "tpu. What the machine has by default; with --resume, the same again."
    ),
]
HereStrategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="Where each run trains: auto, cpu, gpu, mirrored (all devices here) or tpu. What the machine has by "
        "default.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="RUN|RECIPE",
        help="Begin with the weights of a trained run, or of a recipe that is trained first; "
        "`--set transfer.freeze=…` and others say how they are fine-tuned.",
    ),
]
Resume = Annotated[pathlib.Path | None, typer.Option(metavar="DIR", help="Go on with the run in DIR.")]
Diagnostics = Annotated[
    bool,
    typer.Option(
        "--diagnostics",
        help="Watch gradients, updates, dead units and activations; short for --set diagnostics.every=50.",
    ),
]

# Of `edgezoo tune`.
RecipeOrFile = Annotated[
    str | None, typer.Argument(help="A name that `edgezoo list` shows, or a recipe in a .yaml file.")
]
Trials = Annotated[
    int | None,
    typer.Option(min=1, help="How many; 20 by default, for hyperband as many as its brackets have."),
]
Algorithm = Annotated[str | None, typer.Option(help="`bayesian` (the default), `random` or `hyperband`.")]
Objective = Annotated[
    list[str] | None,
    typer.Option(
        help="The task's headline (the default), `int8_bytes`, `latency_ms` or `arena_bytes`; several for a "
        "front, the most important first."
    ),
]
Space = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=RANGE",
        help="Search this value in this range, such as `optimizer.learning_rate=log:1e-4..1e-1`; may be repeated. "
        "In the place of the recipe's own space.",
    ),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that run trials side by side.")]
SearchOut = Annotated[
    pathlib.Path | None, typer.Option(help="Directory of the search; searches/RECIPE-seedN by default.")
]
ResumeSearch = Annotated[
    pathlib.Path | None,
    typer.Option(metavar="DIR", help="Go on with the search in DIR; with --trials, to as many."),
]

# Of `edgezoo export`.
RunOrModel = Annotated[
    pathlib.Path,
    typer.Argument(metavar="RUN|MODEL.keras", help="A run's directory, or any Keras 3 model."),
]
Precisions = Annotated[
    list[str] | None,
    typer.Option(help="This precision, beside the files that are there; may be repeated."),
]
Signatures = Annotated[
    list[str] | None,
    typer.Option(help="Only this signature, such as `encode`; may be repeated. Into a folder of its own."),
]
Calibration = Annotated[
    pathlib.Path | None, typer.Option(help="A .npy of training inputs (n, …), for a MODEL.keras.")
]
Folder = Annotated[
    pathlib.Path | None,
    typer.Option(help="Folder for the files of a MODEL.keras; MODEL-export by default."),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="Show each file's layers by what they lose; a run is exported first only where it has to be.",
    ),
]
Author = Annotated[str, typer.Option(help="Who made the model, for the metadata in the files.")]
License = Annotated[str, typer.Option(help="The files' licence, such as `Apache-2.0`.")]
Labels = Annotated[
    pathlib.Path | None,
    typer.Option(help="A text file with a class a line, for a MODEL.keras; a run knows its own."),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--target",
        help="Also put together what this device needs; `edgezoo targets` lists them. In its best "
        "precision, unless --precision says which.",
    ),
]
Accelerator = Annotated[
    str | None, typer.Option(help="Size of an Ethos-U, such as `ethos-u55-256`; the usual one by default.")
]


def _of_integers(*names, **details):
    """An option that says how files of integers are made."""
    return typer.Option(*names, rich_help_panel="Integers", **details)


KeepFloat = Annotated[
    list[str] | None,
    _of_integers(metavar="LAYER", help="Leave this layer, or all of a pattern, in float; may be repeated."),
]
Mixed = Annotated[
    float | None,
    _of_integers(
        metavar="WITHIN",
        help="Also make mixed.tflite: the fewest layers of more bits for a score within this of float32, on "
        "validation data.",
    ),
]
MixedFrom = Annotated[
    str,
    _of_integers(metavar="PRECISION", help="What most layers of mixed.tflite have: int8, int4 or int16x8."),
]
Samples = Annotated[int | None, _of_integers(min=1, help="Calibrate by this many samples at most.")]
Ranges = Annotated[str | None, _of_integers(help="Ranges by min_max, moving_average or percentile.")]
Percentile = Annotated[float | None, _of_integers(help="Percent of values below a range's upper end.")]
Equalize = Annotated[str | None, _of_integers(help="Cross-layer equalisation: auto, always or never.")]
CorrectBias = Annotated[str | None, _of_integers(help="Bias correction: auto, always or never.")]
