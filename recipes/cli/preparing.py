"""`edgezoo prepare`."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import output
from recipes.cli.options import Json

Name = Annotated[str, typer.Argument(metavar="DATASET|RECIPE", help="A data set, or a recipe for its own.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value, such as features.image_size=28,28."),
]
Out = Annotated[
    pathlib.Path | None,
    typer.Option(metavar="FOLDER", help="Copy the arrays there too, to carry them to another machine."),
]


def prepare(name: Name, values: Set = None, out: Out = None, as_json: Json = False):
    """Write a data set's decoded arrays; with them a recipe trains on a machine without TensorFlow.

    Arrays of images depend on the recipe's `features`, so a recipe is what to name best.

    Example: `edgezoo prepare lenet5_digits --out carried`, and on the other machine
    `EDGEZOO_CACHE=carried KERAS_BACKEND=jax edgezoo train lenet5_digits`
    """
    from recipes import registry
    from recipes.data import prepared

    recipe = _recipe(name, registry.parse_assignments(values or []))
    with output.progress(quiet=as_json) as progress:
        data = prepared.prepare(recipe.data, recipe.features, progress)
        folder = prepared.folder(recipe.data, recipe.features)
        if out:
            folder = prepared.carry(recipe.data, recipe.features, out)
    content = _content(data, folder)
    if as_json:
        output.print_json(content)
        return
    output.table(f"{data.name}: {data.source}", ["what", "value"], [[k, str(v)] for k, v in content.items()])
    if out:
        output.say(f"There: EDGEZOO_CACHE={out} KERAS_BACKEND=jax edgezoo train {recipe.name or 'RECIPE'}")


def _recipe(name, assignments):
    """The recipe called `name`, or in a file, or one for the data set of that name: `data` and `features` are all it is for."""
    from recipes import registry
    from recipes.recipe import Recipe

    if name in registry.names() or registry.is_file(name):
        return registry.get(name, **assignments)
    return registry.override(Recipe(model="none", data=name), assignments)


def _content(data, folder):
    return {
        "data": data.name,
        "train": len(data.train.y),
        "test": len(data.test.y),
        "shape": list(data.shape),
        "classes": len(data.classes),
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "folder": str(folder),
    }
