"""Every architecture at its full size, at every precision: does it pass, and what does the file weigh.

python -m recipes.matrix                 measure the architectures that have no row yet
python -m recipes.matrix NAME ...        measure these anew
python -m recipes.matrix --check         tell whether every architecture has its rows: exit status 0 or 1

Writes `recipes/matrix.csv` and, from it, `docs/matrix.md`. Each architecture is measured in a process of
its own with a time limit, so that one that crashes or hangs costs its own row. The weights are untrained,
with batch statistics that belong to the images; what a trained network loses is in `results.csv`.
"""

import argparse
import csv
import io
import json
import pathlib
import subprocess
import sys
import time

from recipes import files

PATH = pathlib.Path(__file__).with_name("matrix.csv")
DOCUMENT = PATH.resolve().parents[1] / "docs" / "matrix.md"
COLUMNS = ("architecture", "precision", "result", "bytes", "rms_error", "latency_ms", "operators")
PASSES = "passes"
LARGE = 2_000_000_000  # multiply-accumulates from which fewer images do
TIMED = ("float32", "int8")


def settle(model, images):
    """Give batch normalisations the statistics that `images`, `(n, h, w, c)`, have in front of them.

    And an offset of 1: without it a deep untrained network of ReLUs is chaotic, two close inputs
    drift apart from layer to layer (Yang et al., "A Mean Field Theory of Batch Normalization", 2019,
    https://arxiv.org/abs/1902.08129), and so do a file and the model. Trained ones are not.
    """
    import keras

    found = [x for x in model._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0
        if layer.center:
            layer.beta.assign(keras.ops.ones_like(layer.beta))
    model(images, training=True)
    for layer, momentum in zip(found, momenta, strict=True):
        layer.momentum = momentum


def inputs_of(model, count):
    """By signature, or as a list for the one signature there is: images, or codes of unit variance.

    Images are noise, each as bright as it happens to be.

    The batch statistics are settled on the images.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    parts = getattr(model, "signatures", None)
    images = rng.random((count, *model.input_shape[1:]), dtype="float32")
    if len(model.input_shape) == 4:
        images *= rng.random((count, 1, 1, 1), dtype="float32")
        settle(model, images)

    def given(part):
        if part.input_shape == model.input_shape and len(part.input_shape) == 4:
            return [images]
        return [rng.standard_normal((count, *part.input_shape[1:])).astype("float32")]

    return {name: given(part) for name, part in parts.items()} if parts else given(model)


def measured(name):
    """The rows of one architecture, a dict a precision."""
    import keras

    import export
    import zoo

    keras.utils.set_random_seed(0)
    model = zoo.create(name)
    data = inputs_of(model, 4 if (zoo.facts()[name].macs or 0) > LARGE else 32)
    signatures = getattr(model, "signatures", None)
    rows = []
    for precision in export.PRECISIONS:
        row = {"architecture": name, "precision": precision}
        try:
            content = export.to_tflite(model, precision, data, signatures)
            row.update(_facts(export, model, content, data, signatures, precision))
        except export.ExportError as error:
            row["result"] = " ".join(str(error).split())[:300]
        rows.append(row)
    return rows


def _facts(export, model, content, data, signatures, precision):
    report, contents = export.verify(model, content, data, signatures, precision), export.inspect(content)
    problems = [*report.problems, *(f"needs {operator}" for operator in (*contents.flex, *contents.custom))]
    timed = export.benchmark(content, runs=20) if precision in TIMED else None
    return {
        "result": "; ".join(problems) or PASSES,
        "bytes": len(content),
        "rms_error": f"{max((a.rms_error for a in report.agreements), default=0.0):.3g}",
        "latency_ms": f"{timed.median_ms:.4g}" if timed else "",
        "operators": sum(contents.operators.values()),
    }


def in_child(name, limit):
    """`measured`, in another process; a crash or a timeout is the result of every precision."""
    import export

    command = [sys.executable, "-m", "recipes.matrix", "--rows-of", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        lines = done.stderr.strip().splitlines() or ["no message"]
        reason = f"ended with code {done.returncode}: {lines[-1][:200]}"
    except subprocess.TimeoutExpired:
        reason = f"took more than {limit} seconds"
    return [{"architecture": name, "precision": p, "result": reason} for p in export.PRECISIONS]


def read():
    """The rows of `matrix.csv`, dicts of texts."""
    if not PATH.is_file():
        return []
    with PATH.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(rows):
    """Write `matrix.csv` and `docs/matrix.md`, sorted by architecture."""
    rows = sorted(rows, key=lambda row: row["architecture"])
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(PATH, text.getvalue())
    files.write_text(DOCUMENT, document(read()))


def document(rows):
    """The rows as a Markdown page: a line an architecture, a cell a precision, refusals below."""
    import zoo

    by_name = {}
    for row in rows:
        by_name.setdefault(row["architecture"], {})[row["precision"]] = row
    precisions = list(dict.fromkeys(row["precision"] for row in rows))
    lines = [
        "# Every architecture at every precision",
        "",
        "Written by `python -m recipes.matrix`: full-size, untrained, one image a call. A cell holds the file's size",
        "and, in brackets, the root mean square error against Keras in standard deviations of the output.",
        "",
        f"| architecture | parameters | MACs | {' | '.join(precisions)} | ms, float32 → int8 |",
        f"| :--- | ---: | ---: | {' | '.join('---:' for _ in precisions)} | ---: |",
    ]
    for name, cells in by_name.items():
        facts = zoo.facts()[name]
        times = " → ".join(cells[p]["latency_ms"] or "–" for p in TIMED if p in cells)
        texts = " | ".join(_cell(cells.get(precision)) for precision in precisions)
        lines.append(f"| `{name}` | {facts.parameters:,} | {facts.macs:,} | {texts} | {times} |")
    refused = [row for row in rows if row["result"] != PASSES]
    if refused:
        lines += ["", "## What does not pass, and why", ""]
        lines += [f"- `{row['architecture']}`, {row['precision']}: {row['result']}" for row in refused]
    return "\n".join(lines) + "\n"


def _cell(row):
    from recipes.cli.output import bytes_text

    if row is None or not row["bytes"]:
        return "refused"
    mark = "" if row["result"] == PASSES else " **fails**"
    return f"{bytes_text(int(row['bytes']))} ({row['rms_error']}){mark}"


def main(arguments=None):
    """Measure, or check; returns the exit status."""
    import zoo

    parser = argparse.ArgumentParser(prog="python -m recipes.matrix", description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="architectures; those without a row by default"
    )
    parser.add_argument("--limit", type=int, default=900, help="seconds an architecture may take")
    parser.add_argument("--check", action="store_true", help="measure nothing; tell whether all have rows")
    parser.add_argument("--rows-of", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in zoo.list_models()]
    if unknown:
        parser.error(f"there is no architecture {unknown[0]!r}; `edgezoo list models` shows all")
    if options.rows_of:
        print(json.dumps(measured(options.rows_of)))
        return 0
    missing = [name for name in zoo.list_models() if name not in {row["architecture"] for row in read()}]
    if options.check:
        print(f"no rows for {', '.join(missing)}: run `python -m recipes.matrix`" if missing else "complete")
        return int(bool(missing))
    for name in options.names or missing:
        start = time.perf_counter()
        rows = in_child(name, options.limit)
        write([row for row in read() if row["architecture"] != name] + rows)
        passed = sum(row["result"] == PASSES for row in rows)
        print(f"{name}: {passed} of {len(rows)} pass, {time.perf_counter() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
