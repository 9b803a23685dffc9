"""`edgezoo list` and `edgezoo show`."""

import enum
import inspect
from typing import Annotated

import typer

from recipes.cli import architecture, output


class Kind(enum.StrEnum):
    """What can be listed."""

    recipes = "recipes"
    models = "models"
    datasets = "datasets"


Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def list_(
    kind: Annotated[str, typer.Argument(help="`recipes`, `models` or `datasets`.")] = "recipes",
    pattern: Annotated[str, typer.Argument(help="Shell pattern of the names.")] = "*",
    as_json: Json = False,
):
    """List recipes, architectures or data sets.

    Example: `edgezoo list models "*dilated*"`
    """
    from recipes import registry
    from recipes.errors import RecipeError

    if kind not in list(Kind):
        raise RecipeError(
            f"cannot list {kind!r}.{registry.closest(kind, list(Kind))} Possible: {', '.join(Kind)}"
        )
    columns, rows = {"recipes": _recipes, "models": _models, "datasets": _datasets}[kind](pattern)
    if as_json:
        names = [c.removeprefix(">") for c in columns]
        output.print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    if not rows:
        raise RecipeError(f"no name among the {kind} matches {pattern!r}; `edgezoo list {kind}` shows all")
    output.table(None, columns, [[_text(v) for v in row] for row in rows])


def _recipes(pattern):
    from recipes import registry, results

    measured = {row["recipe"]: row for row in results.read()}
    rows = []
    for name in registry.names(pattern):
        recipe, row = registry.get(name), measured.get(name, {})
        rows.append(
            [
                name,
                recipe.model,
                recipe.data,
                _int(row.get("parameters")),
                results.sentence(row),
                _int(row.get("int8_bytes")),
            ]
        )
    return ["recipe", "model", "data", ">parameters", "test split, measured", ">int8 bytes"], rows


def _models(pattern):
    import zoo

    facts = zoo.facts()
    rows = [
        [
            name,
            facts[name].kind,
            "×".join(map(str, facts[name].input_shape)),
            facts[name].parameters,
            facts[name].macs,
            facts[name].summary,
        ]
        for name in zoo.list_models(pattern)
        if name in facts
    ]
    rows += [_adopted(name) for name in zoo.list_models(pattern) if name not in facts]
    return ["model", "kind", "input", ">parameters", ">MACs", "what it is"], rows


def _adopted(name):
    """The row of an architecture of `keras.applications`, which no table holds: its facts cost a build."""
    from zoo.registry import find

    shape = inspect.signature(find(name)).parameters["input_shape"].default
    return [name, "classifier", "×".join(map(str, shape)), None, None, find(name).__doc__.splitlines()[0]]


def _datasets(pattern):
    import fnmatch

    from recipes import registry
    from recipes.data.known import DATASETS

    users = {d.name: [n for n in registry.names() if registry.get(n).data == d.name] for d in DATASETS}
    rows = [
        [d.name, d.train, d.test, d.shape, d.licence, ", ".join(users[d.name]), d.summary]
        for d in DATASETS
        if fnmatch.fnmatch(d.name, pattern)
    ]
    return ["data set", ">train", ">test", "shape", "licence", "recipes", "what it is"], rows


def show(
    name: Annotated[str, typer.Argument(help="A recipe or an architecture.")],
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value or argument; may be repeated."),
    ] = None,
    as_json: Json = False,
):
    """Show a recipe's values, or an architecture's layers: sizes, parameters, MACs, receptive field, memory.

    Example: `edgezoo show lenet5_digits`, `edgezoo show ds_cnn --set input_shape=49,20,1`
    """
    import zoo
    from recipes import registry
    from recipes.errors import RecipeError

    assignments = registry.parse_assignments(values or [])
    if name in registry.names() or registry.is_file(name):
        _show_recipe(registry.get(name, **assignments), as_json)
    elif name in zoo.list_models() or name in zoo.list_models("keras/*"):
        architecture.show(name, assignments, as_json)
    else:
        known = [*registry.names(), *zoo.list_models(), *zoo.list_models("keras/*")]
        raise RecipeError(
            f"there is no recipe or architecture {name!r}.{registry.closest(name, known)} "
            "`edgezoo list recipes` and `edgezoo list models` show all"
        )


def _show_recipe(recipe, as_json):
    import msgspec

    from recipes import registry

    values = msgspec.to_builtins(recipe)
    if as_json:
        output.print_json(values)
        return
    output.say(f" — {recipe.summary}", recipe.name, "bold")
    output.table(None, ["value (--set)", "default"], list(_flat(values)))
    if recipe.name in registry.names():
        output.say(f"Run it: edgezoo run {recipe.name} --set epochs={recipe.epochs}")


def _flat(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif prefix + key not in ("name", "summary"):
            yield f"{prefix}{key}", _text(value)


def _int(text):
    return int(text) if text else None


def _text(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if value is None or value == {} or value == "":
        return "–"
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
