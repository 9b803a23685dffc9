"""The facts about every architecture at its defaults: `architectures.csv`, written by this module.

    python -m zoo.table           tells whether the file is current
    python -m zoo.table --write   writes it

Reading it loads no Keras.
"""

import argparse
import csv
import dataclasses
import io
import pathlib
import sys

from zoo import registry

PATH = pathlib.Path(__file__).with_name("architectures.csv")


@dataclasses.dataclass(frozen=True)
class Facts:
    """An architecture at its default arguments.

    `kind` is "classifier", "segmenter", "autoencoder" or "decoder"; `input_shape` is without the batch axis;
    `macs` are multiply-accumulates for one image, None where they can't be told; `summary` is the
    first line of its documentation.
    """

    name: str
    module: str
    kind: str
    parameters: int
    macs: int | None
    input_shape: tuple
    summary: str


def facts():
    """What is known of every architecture: `{name: Facts}`, sorted by name."""
    with PATH.open(encoding="utf-8", newline="") as file:
        return {row["name"]: _parsed(row) for row in csv.DictReader(file)}


def measured(name):
    """The `Facts` of the architecture `name`, from a model built for the purpose."""
    from zoo.description import describe

    function = registry.find(name)
    description = describe(function())
    return Facts(
        name=name,
        module=function.__module__,
        kind=function.__module__.split(".")[1].removesuffix("s"),
        parameters=description.parameters,
        macs=description.macs,
        input_shape=description.input_shape,
        summary=function.__doc__.splitlines()[0],
    )


def rendered():
    """The text of an up-to-date `architectures.csv`."""
    text = io.StringIO()
    columns = [field.name for field in dataclasses.fields(Facts)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for name in registry.list_models():
        row = dataclasses.asdict(measured(name))
        writer.writerow({**row, "input_shape": "x".join(map(str, row["input_shape"]))})
    return text.getvalue()


def main(arguments=None):
    """Writes the table, or tells whether it is current: the exit status, 0 if it is."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m zoo.table", description=summary)
    parser.add_argument("--write", action="store_true", help=f"write {PATH.name}")
    write = parser.parse_args(arguments).write
    text = rendered()
    if write:
        partial = PATH.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(PATH)
        return 0
    if PATH.is_file() and PATH.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PATH.name} is not current: run `python -m zoo.table --write`.", file=sys.stderr)
    return 1


def _parsed(row):
    numbers = {
        "parameters": int(row["parameters"]),
        "macs": int(row["macs"]) if row["macs"] else None,
        "input_shape": tuple(map(int, row["input_shape"].split("x"))),
    }
    return Facts(**{**row, **numbers})


if __name__ == "__main__":
    sys.exit(main())
