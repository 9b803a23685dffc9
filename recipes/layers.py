"""Every layer of Keras at every precision: does it convert and agree, and if not, why and what instead.

python -m recipes.layers            measure the layers that have no row yet
python -m recipes.layers NAME ...   measure these anew

Writes `recipes/layers.csv` and, from it, `docs/layers.md`. A layer stands between its inputs and its outputs
alone, with random weights; it passes where the file agrees with Keras within the bounds of `export.verify`.
"""

import argparse
import pathlib
import re
import sys

from recipes import files

PATH = pathlib.Path(__file__).with_name("layers.csv")
DOCUMENT = PATH.resolve().parents[1] / "docs" / "layers.md"
COLUMNS = ("layer", "precision", "result")
PASSES = "passes"
SAMPLES = 64
INTRODUCTION = (
    "Written by `python -m recipes.layers`. Each layer alone, with random weights, as a file of each precision:",
    "✓ where LiteRT runs it and agrees with Keras within the bounds of `export.verify`, without a Flex or custom",
    "operator, and for `int8` without a float tensor. What is refused is refused before a file is written, with",
    "the words below.",
)


def measured(name):
    """The rows of one layer, a dict a precision."""
    import keras

    import export
    from export.signatures import named_models
    from export.tflite import check_calibration, derive, float_conversion
    from recipes.layer_catalog import model_of

    keras.utils.set_random_seed(0)
    model, data = model_of(name, SAMPLES)
    try:
        parts = named_models(model)
        calibration = check_calibration(parts, export.PRECISIONS, [data])
        float_file = float_conversion(model, parts)
    except export.ExportError as error:
        return [_row(name, precision, error) for precision in export.PRECISIONS]
    rows = []
    for precision in export.PRECISIONS:
        try:
            content, _ = derive(model, float_file, precision, calibration)
            report = export.verify(model, content, [data], None, precision)
            rows.append(_row(name, precision, "; ".join(report.problems) or PASSES))
        except export.ExportError as error:
            rows.append(_row(name, precision, error))
    return rows


def _row(name, precision, result):
    text = re.sub(rf"^Model '\w+',? ({precision}: )?", "", " ".join(str(result).split()))
    return {"layer": name, "precision": precision, "result": text}


def read():
    """The rows of `layers.csv`, dicts of texts."""
    return files.read_csv(PATH)


def write(rows):
    """Write `layers.csv` and `docs/layers.md`, in the order of the catalogue."""
    from recipes.layer_catalog import NAMES

    rows = sorted(rows, key=lambda row: NAMES.index(row["layer"]))
    files.write_csv(PATH, rows, COLUMNS)
    files.write_text(DOCUMENT, document(rows))


def document(rows):
    """The rows as a Markdown page: a line a layer, a cell a precision, and each refusal in words below."""
    cells, reasons = {}, {}
    for row in rows:
        mark = "✓" if row["result"] == PASSES else f"[{_number(reasons, row['result'])}]"
        cells.setdefault(row["layer"], {})[row["precision"]] = mark
    precisions = list(dict.fromkeys(row["precision"] for row in rows))
    lines = ["# Every layer at every precision", "", *INTRODUCTION, ""]
    lines.append(f"| layer | {' | '.join(precisions)} |")
    lines.append(f"| :--- |{' :---: |' * len(precisions)}")
    lines += [
        f"| {name} | {' | '.join(marks.get(precision, '') for precision in precisions)} |"
        for name, marks in cells.items()
    ]
    lines += ["", "## What is refused, and what to do instead", ""]
    lines += [f"{number}. {reason}" for reason, number in reasons.items()] or ["Nothing is."]
    return "\n".join(lines) + "\n"


def _number(reasons, reason):
    return reasons.setdefault(reason, len(reasons) + 1)


def main(arguments=None):
    """Measure; returns the exit status."""
    from recipes.layer_catalog import NAMES

    parser = argparse.ArgumentParser(prog="python -m recipes.layers", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="layers; those without a row by default")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no layer {unknown[0]!r} in the table; it has {', '.join(NAMES)}")
    done = {row["layer"] for row in read()}
    for name in options.names or [name for name in NAMES if name not in done]:
        rows = measured(name)
        write([row for row in read() if row["layer"] != name] + rows)
        passed = sum(row["result"] == PASSES for row in rows)
        print(f"{name}: {passed} of {len(rows)} pass", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
