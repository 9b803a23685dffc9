"""`edgezoo evaluate`, and the files that verbs are given."""

import contextlib
import pathlib
from typing import Annotated

import typer

from recipes.cli import output
from recipes.cli.options import HereStrategy, Json

RecipeOption = Annotated[
    str | None, typer.Option("--recipe", help="Recipe whose task and data apply, for a file outside a run.")
]


def evaluate(
    targets: Annotated[
        list[pathlib.Path],
        typer.Argument(
            metavar="RUN|FILE|RECIPE…",
            help="A run's directory, or a .tflite or .keras file; with --folds or --seeds, recipes.",
        ),
    ],
    recipe: RecipeOption = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Cut the training split of a RECIPE into so many folds: a run each."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Run a RECIPE with these seeds: `0..4`, or `0,3,7`.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value of a RECIPE; may be repeated."),
    ] = None,
    runs: Annotated[
        pathlib.Path, typer.Option(help="Where the runs of a RECIPE lie: those there are read, others made.")
    ] = pathlib.Path("runs"),
    strategy: HereStrategy = None,
    as_json: Json = False,
):
    """Score a run's model or a file on the test split; or a recipe, over folds or seeds.

    Example: `edgezoo evaluate runs/lenet5_digits-seed0/export/int8.tflite`,
    `edgezoo evaluate lenet5_digits --folds 5`,
    `edgezoo evaluate lenet5_mnist dense_mnist --seeds 0..4`
    """
    from recipes.cli import comparing

    if folds is not None or seeds is not None:
        if recipe:
            raise _refused(
                "--recipe is for a file: with --folds or --seeds, recipes are given by their names"
            )
        comparing.repeat([str(target) for target in targets], folds, seeds, values, runs, as_json, strategy)
        return
    if strategy:
        raise _refused(
            "--strategy is for a RECIPE with --folds or --seeds: a run or a file that is scored is not trained"
        )
    if values:
        raise _refused(
            "--set is for a RECIPE with --folds or --seeds: a run keeps the values it was made with"
        )
    if len(targets) > 1:
        raise _refused("one run or file is scored at a time; `edgezoo compare` takes several")
    _evaluate(targets[0], recipe, as_json)


def _refused(message):
    from recipes.errors import RecipeError

    return RecipeError(message)


def _evaluate(target, recipe, as_json):
    from recipes import parts, pipeline, tasks

    chosen, predict = predictor(target, recipe)
    parts.check_scored(chosen, inputs_of(predict), target)
    with output.progress(quiet=as_json) as progress:
        data = pipeline.prepare(chosen, progress)
        scores = tasks.Context(chosen, data).score(predict, progress)
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

        with naming(existing(target)):
            return chosen, export.load(target)
    model = (
        rundir.load_model(existing(target)) if target.suffix == ".keras" else rundir.open_run(target).model()
    )
    return chosen, tasks.keras_predictor(model)


def inputs_of(predict):
    """By signature the shapes of one example, by the inputs' names, of what `predictor` gave."""
    if hasattr(predict, "inputs"):
        return predict.inputs
    return {
        name: {tensor.name: tuple(tensor.shape[1:]) for tensor in signature.inputs}
        for name, signature in predict.contents.signatures.items()
    }


@contextlib.contextmanager
def naming(file):
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
        from recipes import registry

        hint = (
            f"; that is a recipe, of which `edgezoo run {path}` makes a run"
            if str(path) in registry.names()
            else ""
        )
        raise RecipeError(f"there is no file or directory {path}{hint}")
    return path


def load_array(path):
    """The array in a `.npy` file, as float32; uint8 pixels are brought to [0, 1]."""
    import numpy as np

    from recipes.errors import RecipeError

    try:
        array = np.load(existing(path), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        reason = "it holds something else" if "pickle" in str(error) else error
        raise RecipeError(f"{path} is no .npy array that can be read: {reason}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif" or not array.ndim:
        raise RecipeError(f"{path} does not hold one array of numbers, examples along its first axis")
    if not array.size:
        raise RecipeError(f"{path} has the shape {array.shape}: it is empty")
    if not np.isfinite(array).all():
        raise RecipeError(f"{path} holds values that are not finite (NaN or infinity)")
    return array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1)
