"""`edgezoo evaluate`, `edgezoo export` and `edgezoo benchmark`: verbs on runs and files."""

import contextlib
import pathlib
from typing import Annotated

import typer

from recipes.cli import output

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script, no progress.")]
RecipeOption = Annotated[
    str | None, typer.Option("--recipe", help="Recipe whose task and data apply, for a file outside a run.")
]


def evaluate(
    target: Annotated[
        pathlib.Path,
        typer.Argument(metavar="RUN|FILE", help="A run's directory, or a .tflite or .keras file."),
    ],
    recipe: RecipeOption = None,
    as_json: Json = False,
):
    """Score a run's model or a file on the test split: one code for both.

    Example: `edgezoo evaluate runs/lenet5_digits-seed0/export/int8.tflite`
    """
    from recipes import pipeline

    chosen, predict = predictor(target, recipe)
    with output.progress(quiet=as_json) as progress:
        data = pipeline.prepare(chosen, progress)
        scores = pipeline.score(chosen, data, predict, progress)
    if as_json:
        output.print_json({"target": str(target), "recipe": chosen.name, "data": chosen.data, "test": scores})
        return
    rows = [[name, f"{value:.4f}"] for name, value in scores.items()]
    output.table(f"{target} on the test split of {chosen.data}", ["metric", ">value"], rows)


def predictor(target, recipe):
    """`(recipe, predict)` for a run, a `.tflite` or a `.keras` file."""
    from recipes import rundir, tasks

    chosen = recipe_for(target, recipe)
    output.load_keras()
    if target.suffix == ".tflite":
        import export

        with _naming(existing(target)):
            return chosen, export.load(target)
    model = (
        rundir.load_model(existing(target)) if target.suffix == ".keras" else rundir.open_run(target).model()
    )
    return chosen, tasks.keras_predictor(model)


@contextlib.contextmanager
def _naming(file):
    """An `export.InvalidFile` within the block says which file it is about."""
    import export
    from recipes.errors import RecipeError

    try:
        yield
    except export.InvalidFile as error:
        raise RecipeError(f"{file}: {error}") from error


def recipe_for(target, name=None):
    """The recipe that applies to a run or a file: the one named, else that of the run it lies in."""
    from recipes import registry, rundir
    from recipes.errors import RecipeError

    if name:
        return registry.get(name)
    existing(target)
    for folder in (target, *target.resolve().parents[:2]):
        if (folder / "recipe.json").is_file():
            return rundir.open_run(folder).recipe
    if target.is_dir():
        return rundir.open_run(target).recipe
    raise RecipeError(f"{target} does not lie in a run's directory: say what it is for with --recipe NAME")


def existing(path):
    """`path`, which must be there."""
    from recipes.errors import RecipeError

    if not path.exists():
        raise RecipeError(f"there is no file or directory {path}")
    return path


def export(
    target: Annotated[
        pathlib.Path,
        typer.Argument(metavar="RUN|MODEL.keras", help="A run's directory, or any Keras 3 model."),
    ],
    precision: Annotated[
        list[str] | None,
        typer.Option(help="This precision, beside the files that are there; may be repeated."),
    ] = None,
    calibration: Annotated[
        pathlib.Path | None, typer.Option(help="A .npy of training inputs (n, …), for a MODEL.keras.")
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(help="Folder for the files of a MODEL.keras; MODEL-export by default."),
    ] = None,
    as_json: Json = False,
):
    """Export a run or a Keras model: files, checks and report.

    Example: `edgezoo export runs/lenet5_digits-seed0 --precision int8`,
    `edgezoo export my_model.keras --calibration images.npy`
    """
    import json

    from recipes.cli.report import print_report

    precisions = _precisions(precision)
    existing(target)
    output.load_keras()
    with output.progress(quiet=as_json) as progress:
        if target.is_dir():
            report, folder = _export_run(target, precisions, calibration, out, progress)
        else:
            report, folder = _export_model(target, precisions, calibration, out, progress)
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


def _export_run(target, precisions, calibration, out, progress):
    from recipes import pipeline, rundir
    from recipes.errors import RecipeError

    if calibration or out:
        raise RecipeError(
            "a run is calibrated on its own training data and exported into its own directory: "
            "leave out --calibration and --out"
        )
    run = rundir.open_run(target)
    return pipeline.export_files(run, precisions, progress), run.path / "export"


def _export_model(target, precisions, calibration, out, progress):
    """Any Keras model: float files without data, integer files with `--calibration`."""
    import export
    from recipes import rundir
    from recipes.errors import RecipeError

    model = rundir.load_model(target)
    data = load_array(calibration) if calibration else None
    if precisions is None:
        precisions = export.PRECISIONS if data is not None else ("float32", "float16", "dynamic_int8")
        if data is None:
            output.say("No --calibration data: int8 and int16x8 are left out.")
    if data is None and {"int8", "int16x8"} & set(precisions):
        raise RecipeError(
            "int8 and int16x8 need --calibration FILE.npy, an array (n, …) of training inputs as the model takes them"
        )
    folder = out or target.with_name(f"{target.stem}-export")
    batches = [data[:100]] if data is not None else [_noise(model)]
    report = export.export_model(
        model,
        folder,
        precisions=precisions,
        calibration=None if data is None else [data],
        calibration_description=f"{calibration}",
        batches=batches,
        name=target.name,
        progress=progress,
    )
    return report, folder


def _noise(model):
    """Uniform noise in [0, 1] to compare files on where the user gave no data."""
    import numpy as np

    from recipes.errors import RecipeError

    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise RecipeError(f"the model's inputs have the shapes {shape}; one input of a fixed size is needed")
    return np.random.default_rng(0).random((16, *shape[1:]), np.float32)


def load_array(path):
    """The array in a `.npy` file, as float32; uint8 pixels are brought to [0, 1]."""
    import numpy as np

    from recipes.errors import RecipeError

    try:
        array = np.load(existing(path), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise RecipeError(f"{path} is no .npy array that can be read: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        raise RecipeError(f"{path} does not hold one array of numbers")
    if not array.size:
        raise RecipeError(f"{path} has the shape {array.shape}: it is empty")
    if not np.isfinite(array).all():
        raise RecipeError(f"{path} holds values that are not finite (NaN or infinity)")
    return array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1)


def benchmark(
    files: Annotated[list[pathlib.Path], typer.Argument(metavar="FILE.tflite…", help="Files to measure.")],
    threads: Annotated[int, typer.Option(min=1, help="Threads LiteRT may use.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="Inferences that count.")] = 50,
    warmup: Annotated[int, typer.Option(min=0, help="Inferences before, which do not.")] = 5,
    as_json: Json = False,
):
    """Measure bytes, operators, latency and peak memory of `.tflite` files, each in a fresh process.

    Example: `edgezoo benchmark runs/*/export/int8.tflite --threads 2`
    """
    import dataclasses

    import export

    measured = []
    for file in files:
        with _naming(existing(file)):
            measured.append((file, export.benchmark(file, threads=threads, runs=runs, warmup=warmup)))
    if as_json:
        output.print_json([{"file": str(f), **dataclasses.asdict(m)} for f, m in measured])
        return
    rows = [
        [
            f,
            output.bytes_text(m.bytes),
            ", ".join(f"{name} {count}" for name, count in sorted(m.operators.items())),
            f"{m.median_ms:.3f}",
            f"{m.p10_ms:.3f}–{m.p90_ms:.3f}",
            f"{m.first_ms:.2f}",
            output.bytes_text(m.peak_memory_bytes),
        ]
        for f, m in measured
    ]
    columns = ["file", ">size", "operators", ">median ms", ">10–90 %", ">first ms", ">peak memory"]
    caption = (
        f"{measured[0][1].device}; {threads} thread{'s' if threads > 1 else ''}, {runs} runs after "
        f"{warmup} warm-up runs; memory: growth of a fresh process."
    )
    output.table(None, columns, rows, caption=caption)
