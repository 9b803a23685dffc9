"""Every architecture at its full size, at every precision: does it pass, and what does the file weigh.

python -m recipes.matrix                 measure the architectures that have no row yet
python -m recipes.matrix NAME ...        measure these anew
python -m recipes.matrix --check         tell whether every architecture has its rows: exit status 0 or 1

Writes `recipes/matrix.csv` and, from it, `docs/matrix.md`. Each architecture is measured in a process of
its own with a time limit, so that one that crashes or hangs costs its own row. The weights are untrained,
with batch statistics that belong to the images; what a trained network loses is in `results.csv`.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

from recipes import files

PATH = pathlib.Path(__file__).with_name("matrix.csv")
DOCUMENT = PATH.resolve().parents[1] / "docs" / "matrix.md"
COLUMNS = (
    "architecture",
    "input",
    "parameters",
    "macs",
    "build_seconds",
    "precision",
    "result",
    "bytes",
    "rms_error",
    "latency_ms",
    "operators",
    "tflite_micro",
)
PASSES = "passes"
INTRODUCTION = (
    "Written by `python -m recipes.matrix`: full-size, untrained, one image a call. A cell holds the file's size",
    "and, in brackets, the root mean square error against Keras in standard deviations of the output. Latency is",
    "LiteRT's with one thread, float32 → int8, on the machine that made the table.",
)
SAMPLES = 32  # images to calibrate by and to compare on
LARGE, FEWER = 50_000_000, 4  # multiply-accumulates from which fewer images do
RUNS = 20  # of which the latency is the median
ADOPTED = "keras/"
TIMED = ("float32", "int8")


def names():
    """Every architecture of the zoo, and every adopted one."""
    import zoo

    return [*zoo.list_models(), *zoo.list_models(f"{ADOPTED}*")]


def precisions_of(name):
    """Those that are measured: all, and for adopted architectures the two that are promised."""
    import export

    return TIMED if name.startswith(ADOPTED) else export.PRECISIONS


def measured(name):
    """The rows of one architecture, a dict a precision."""
    import keras

    import export
    import zoo
    from export.signatures import named_models
    from export.tflite import check_calibration, derive, float_conversion
    from recipes.untrained import inputs_of
    from zoo.registry import create_smallest

    keras.utils.set_random_seed(0)
    began = time.perf_counter()
    model = create_smallest(name) if name.startswith(ADOPTED) else zoo.create(name)
    description = zoo.describe(model)
    facts = {
        "architecture": name,
        "input": "×".join(map(str, description.input_shape)),
        "build_seconds": f"{time.perf_counter() - began:.2f}",
        "parameters": model.count_params(),
        "macs": description.macs,
    }
    # Statistics of a map of one pixel need many images; at the smallest input they are cheap.
    many = name.startswith(ADOPTED) or (facts["macs"] or 0) <= LARGE
    data = inputs_of(model, SAMPLES if many else FEWER)
    parts = named_models(model, getattr(model, "signatures", None))
    calibration = check_calibration(parts, export.PRECISIONS, data)
    float_file = float_conversion(model, parts)
    rows = []
    for precision in precisions_of(name):
        row = {**facts, "precision": precision}
        try:
            content, _ = derive(model, float_file, precision, calibration)
            row.update(_facts(export, model, content, data, precision))
        except export.ExportError as error:
            row["result"] = " ".join(str(error).split())[:300]
        rows.append(row)
    return rows


def _facts(export, model, content, data, precision):
    from recipes.targets import arena

    signatures = getattr(model, "signatures", None)
    report, contents = export.verify(model, content, data, signatures, precision), export.inspect(content)
    problems = [*report.problems, *(f"needs {operator}" for operator in (*contents.flex, *contents.custom))]
    timed = export.benchmark(content, runs=RUNS) if precision in TIMED else None
    return {
        "result": "; ".join(problems) or PASSES,
        "bytes": len(content),
        "rms_error": f"{max((a.rms_error for a in report.agreements), default=0.0):.3g}",
        "latency_ms": f"{timed.median_ms:.4g}" if timed else "",
        "operators": sum(contents.operators.values()),
        "tflite_micro": arena(content) if precision == "int8" else "",
    }


def in_child(name, limit):
    """`measured`, in another process; a crash or a timeout is the result of every precision."""
    command = [sys.executable, "-m", "recipes.matrix", "--rows-of", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        lines = done.stderr.strip().splitlines() or ["no message"]
        reason = f"ended with code {done.returncode}: {lines[-1][:200]}"
    except subprocess.TimeoutExpired:
        reason = f"took more than {limit} seconds"
    return [{"architecture": name, "precision": p, "result": reason} for p in precisions_of(name)]


def read():
    """The rows of `matrix.csv`, dicts of texts."""
    return files.read_csv(PATH)


def write(rows):
    """Write `matrix.csv` and `docs/matrix.md`, sorted by architecture."""
    rows = sorted(rows, key=lambda row: (row["architecture"].startswith(ADOPTED), row["architecture"]))
    files.write_csv(PATH, rows, COLUMNS)
    files.write_text(DOCUMENT, document(read()))


def document(rows):
    """The rows as a Markdown page: a line an architecture, a cell a precision, refusals below."""
    from recipes.targets import arena_lines

    adopted = [row for row in rows if row["architecture"].startswith(ADOPTED)]
    own = [row for row in rows if row not in adopted]
    lines = ["# Every architecture at every precision", "", *INTRODUCTION, "", *_table(own)]
    if adopted:
        lines += [
            "",
            "## Architectures of `keras.applications`, at their smallest input",
            "",
            *_table(adopted),
        ]
    micro = [row for row in rows if row.get("tflite_micro")]
    if micro:
        lines += ["", "## The int8 files in TensorFlow Lite Micro", "", *arena_lines(micro)]
    lines += ["", "## What does not pass, why, and what to do instead", ""]
    lines += [
        f"- `{row['architecture']}`, {row['precision']}: {row['result']}"
        for row in rows
        if row["result"] != PASSES
    ] or ["Nothing: all files pass. What single layers are refused for is in [layers.md](layers.md)."]
    return "\n".join(lines) + "\n"


def _table(rows):
    by_name = {}
    for row in rows:
        by_name.setdefault(row["architecture"], {})[row["precision"]] = row
    precisions = list(dict.fromkeys(row["precision"] for row in rows))
    heads = ("architecture", "input", "parameters", "MACs", "built", *precisions, "latency")
    lines = [heads, [":---", ":---", *["---:"] * (len(heads) - 2)]]
    for name, cells in by_name.items():
        facts = next(iter(cells.values()))
        times = " → ".join(_number(cells[p]["latency_ms"], "{:.3g}") for p in TIMED if p in cells)
        line = (
            f"`{name}`",
            facts["input"],
            _number(facts["parameters"], "{:,.0f}"),
            _number(facts["macs"], "{:,.0f}"),
            f"{_number(facts['build_seconds'], '{:.1f}')} s",
            *(_cell(cells.get(precision)) for precision in precisions),
            f"{times} ms",
        )
        lines.append(line)
    return [f"| {' | '.join(line)} |" for line in lines]


def _number(text, pattern):
    return pattern.format(float(text)) if text else "–"


def _cell(row):
    from recipes.cli.output import bytes_text

    if row is None:
        return "–"
    if not row["bytes"]:
        return "refused"
    mark = "" if row["result"] == PASSES else " **fails**"
    return f"{bytes_text(int(row['bytes']))} ({row['rms_error']}){mark}"


def main(arguments=None):
    """Measure, or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m recipes.matrix", description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="architectures; those without a row by default"
    )
    parser.add_argument("--limit", type=int, default=1800, help="seconds an architecture may take")
    parser.add_argument("--check", action="store_true", help="measure nothing; tell whether all have rows")
    parser.add_argument("--rows-of", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names()]
    if unknown:
        parser.error(f"there is no architecture {unknown[0]!r}; `edgezoo list models` shows all")
    if options.rows_of:
        print(json.dumps(measured(options.rows_of)))
        return 0
    missing = [name for name in names() if name not in {row["architecture"] for row in read()}]
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
