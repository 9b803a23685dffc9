"""An architecture as `edgezoo show` prints it: a line a layer, and what its windows leave out."""

import json

import typer

from recipes.cli import output

_COLUMNS = (
    "layer",
    "type",
    ">output",
    ">parameters",
    ">MACs",
    ">receptive field",
    ">step",
    ">float32 bytes",
    ">int8 bytes",
)
_CAPTION = (
    "Sizes without the batch axis; receptive field and step in input pixels; bytes of each output, and in "
    "the last line of all that must be held at once."
)


def show(name, values, as_json):
    """Print the architecture `name`, built with `values`, arguments as text by name.

    Ends with exit code 1 where windows leave pixels out; all is printed nevertheless.
    """
    import dataclasses

    import zoo

    output.load_keras()
    description = zoo.describe(_built(name, values))
    if as_json:
        output.print_json(dataclasses.asdict(description))
        return
    output.say(f" — {_summary(name)}", name, "bold")
    total = ["total", "", "", _number(description.parameters), _number(description.macs), "", ""]
    rows = [*map(_cells, description.rows), [*total, *_bytes(description.activation_bytes)]]
    output.table(None, _COLUMNS, rows, caption=_CAPTION)
    untiled = [row for row in description.rows if row.untiled]
    for row in untiled:
        output.say(f"{row.name}: {row.untiled}.", "error: ", "bold red")
    if untiled:
        raise typer.Exit(1)


def _built(name, values):
    import zoo
    from recipes.errors import RecipeError

    try:
        return zoo.create(name, **{key: _argument(text) for key, text in values.items()})
    except (TypeError, ValueError) as error:
        raise RecipeError(str(error)) from error


def _argument(text):
    """A Python value: JSON where it is some, a list without its brackets too; else the text itself."""
    plain = {"none": "null", "true": "true", "false": "false"}.get(text.lower(), text)
    for candidate in (plain, f"[{plain.strip('()[]')}]"):
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        return tuple(value) if isinstance(value, list) else value
    return text


def _summary(name):
    from zoo import registry

    function = registry.find(name)
    return f"{function.__doc__.splitlines()[0]} ({function.__module__})"


def _cells(row):
    return [
        row.name,
        row.type,
        _sizes(row.output_shape) + ("*" if row.untiled else ""),
        _number(row.parameters),
        _number(row.macs),
        _sizes(row.receptive_field),
        _sizes(row.jump),
        *_bytes(row.activation_bytes),
    ]


def _bytes(float32):
    """The bytes in float32 and in int8."""
    return [_number(float32), _number(float32 and float32 // 4)]


def _number(count):
    return "–" if count is None else f"{count:,}"


def _sizes(sizes):
    return "×".join(map(str, sizes)) if sizes else "–"
