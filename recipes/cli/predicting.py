"""`edgezoo predict`: images, folders or arrays in; classes, masks, pictures or codes out."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import answers, asking, files, output
from recipes.cli.inputs import examples


def predict(
    target: Annotated[
        pathlib.Path, typer.Argument(metavar="RUN|FILE.tflite", help="A run's directory, or a .tflite file.")
    ],
    inputs: Annotated[
        list[pathlib.Path] | None,
        typer.Argument(metavar="INPUT…", help="Images, folders of images, or .npy arrays."),
    ] = None,
    recipe: files.RecipeOption = None,
    signature: Annotated[
        str | None,
        typer.Option(
            help="What to ask: `reconstruct`, `encode`, `decode` or `sample`; the first by default."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Class, by name or number, for a model that is told it.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Samples to draw, with `sample` and no INPUT.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    out: Annotated[pathlib.Path, typer.Option(help="Folder for written files.")] = pathlib.Path(
        "predictions"
    ),
    top: Annotated[int, typer.Option(min=1, help="Classes to name.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
):
    """Classes with probabilities, or a picture, mask or code written, for each input.

    Example: `edgezoo predict runs/lenet5_mnist-seed0/export/int8.tflite three.png digits/`,
    `edgezoo predict runs/autoencoder_mnist-seed0 --signature encode digits/`,
    `edgezoo predict runs/vae_mnist-seed0 --signature sample --count 16`
    """
    inputs = inputs or []
    chosen, predictor = files.predictor(target, recipe)
    labels = labels_beside(target)
    asked = asking.ask(predictor, target, signature, label, labels)
    _check(chosen, asked, inputs, target)
    if asked.name == "sample":
        rows = _samples(asked, inputs, count, seed, out)
    elif asked.name == "encode":
        rows = [_code(path, asked, out) for path in inputs]
    else:
        answer = _answer(chosen, asked, target, labels, top, out)
        named = [pair for path in inputs for pair in _examples(path, asked)]
        rows = [answer(name, example) for name, example in named]
    if as_json:
        output.print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['input']}: {answers.text(row)}")


def _check(recipe, asked, inputs, target):
    from recipes.errors import RecipeError

    if not inputs and asked.name != "sample":
        raise RecipeError(
            f"{asked.name!r} of {target} needs an INPUT: an image, a folder of images, or a .npy (n, …)"
        )
    if recipe.features.front_end != "none" and any(path.suffix != ".npy" for path in inputs):
        raise RecipeError(
            f"{target} takes {recipe.features.front_end} features {tuple(asked.shape)}, not images: give a .npy"
        )


def _examples(path, asked):
    """`(name, example)` pairs; codes and noise come in arrays only."""
    return examples(files.existing(path), asked.shape, pictures=asked.name not in ("decode", "sample"))


def _answer(recipe, asked, target, labels, top, out):
    """A function from an example's name and the example to its row."""
    whole = asked.name != "decode"
    if whole and recipe.task == "classification":
        from recipes.statistics import coverage

        promised = coverage.promised(target)
        return lambda name, example: answers.classify(name, example, asked, labels, top, promised)
    if whole and recipe.task == "segmentation":
        return lambda name, example: answers.mask(name, example, asked, labels, top, out)
    threshold = _threshold(target) if whole and recipe.task == "anomaly" else None

    def picture(name, example):
        given = asked.pictures(example)
        row = answers.pictures(name, given, out, beside={"input": example} if whole else None)
        return row | (_judged(recipe, example, given, threshold) if whole else {})

    return picture


def _judged(recipe, example, given, threshold):
    """For task `anomaly`, the error of an example and whether it is reported."""
    if recipe.task != "anomaly":
        return {}
    from recipes.tasks.anomaly import errors_of

    error = float(errors_of(recipe, example, given)[0])
    return {
        "error": error,
        **({} if threshold is None else {"anomaly": error > threshold, "threshold": threshold}),
    }


def _threshold(target):
    """The threshold that was measured for a file or a run; `None` where its report is not there."""
    import export
    from recipes import rundir

    report, metrics = target.with_name("report.json"), target / "metrics.json"
    if metrics.is_file():
        return rundir.read_json(metrics)["test"].get("threshold")
    if target.suffix == ".tflite" and report.is_file():
        found = export.load_report(target.parent, only=[target.name]).files
        return next((f.metrics.get("threshold") for f in found if f.file == target.name), None)
    return None


def _code(path, asked, out):
    """The codes of all examples of an input, in one array."""
    import numpy as np

    batch = np.concatenate([example for _, example in _examples(path, asked)])
    given = asked(batch)
    return answers.arrays(str(path), given if isinstance(given, dict) else {"code": given}, out)


def _samples(asked, inputs, count, seed, out):
    """A sheet of pictures for each array of noise, or one of `count` that are drawn with `seed`."""
    import numpy as np

    if not inputs:
        noise = np.random.default_rng(seed).standard_normal((count, *asked.shape)).astype(np.float32)
        return [answers.pictures(f"samples-seed{seed}", asked.pictures(noise), out)]
    batches = {
        str(path): np.concatenate([example for _, example in _examples(path, asked)]) for path in inputs
    }
    return [answers.pictures(name, asked.pictures(noise), out) for name, noise in batches.items()]


def labels_beside(target):
    """The class names that lie beside the model; none where there is no such file."""
    for folder in (target, *target.resolve().parents[:2]):
        if (folder / "labels.txt").is_file():
            return (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    return []
