"""Latency of what the usual conversions give against `export`'s files, on the zoo and `keras.applications`.

    python tests/benchmarks/export_latency.py [NAME ...] [--all] [--write] [--folder FOLDER]

The usual ways are `tf.lite.TFLiteConverter.from_keras_model(model)` and `model.export(format="litert")`, with
the batch set to 1 when the file is loaded. All files of a model hold the same weights and, in int8, saw the same
calibration data. They run in turns in one process, each round in another order, and a ratio is the median over
rounds of usual / ours, in processor time of the one thread. `noise` is the same for two copies of our file: what the machine adds.
"""

import argparse
import csv
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import conversions

TABLE = conversions.ROOT / "docs" / "benchmarks.csv"
DOCUMENT = TABLE.with_suffix(".md")
INSTANCES = 8  # of each file, one after another
ATTEMPTS = 6  # a model may crash the process once for each way and precision
KINDS = {
    "causal": ("probe/causal",),
    "dilated": ("context_module", "deeplab", "dilated_cnn", "dilated_resnet"),
    "transposed": ("deconvolutional_decoder", "fsrcnn", "probe/transposed"),
    "U-Net": ("unet",),
    "autoencoder": ("beta_vae", "compression_autoencoder", "convolutional_autoencoder", "ladder_vae", "vae"),
}
"""The nets that are to gain most, by what they consist of."""

FASTER, NEVER_SLOWER = 1.3, 0.97
APPLICATIONS = (
    "keras/ConvNeXtTiny",
    "keras/DenseNet121",
    "keras/EfficientNetB0",
    "keras/EfficientNetV2B0",
    "keras/InceptionV3",
    "keras/MobileNet",
    "keras/MobileNetV2",
    "keras/MobileNetV3Large",
    "keras/MobileNetV3Small",
    "keras/NASNetMobile",
    "keras/ResNet50",
    "keras/Xception",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A file of ours against a usual one; `ratio`, `low` and `high` are its median, p10 and p90 over rounds.

    Numbers are missing where the usual way fails, and `note` says how.
    """

    model: str
    precision: str
    way: str
    ours_ms: str = ""
    ratio: str = ""
    low: str = ""
    high: str = ""
    noise: str = ""
    operators: str = ""
    note: str = ""


def main():
    arguments = parse()
    names = arguments.names or default_names(arguments.all)
    rows = read_rows()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(arguments.folder or scratch)
        for name in names:
            if not arguments.race_only:
                convert(name, folder)
            found = compare(name, folder / name.replace("/", "_"), arguments)
            rows = {key: row for key, row in rows.items() if key[0] != name} | found
            if arguments.write:
                write(rows, arguments)
    for line in verdict(rows if arguments.write else {k: r for k, r in rows.items() if k[0] in names}):
        print(line)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="architectures of the zoo, `keras/NAME`, or `probe/NAME`")
    parser.add_argument("--all", action="store_true", help="every model of keras.applications too")
    parser.add_argument("--rounds", type=int, default=40, help="turns each file gets")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of a turn")
    parser.add_argument("--folder", help="where files are kept and found again; none by default")
    parser.add_argument("--race-only", action="store_true", help="convert nothing, take what FOLDER has")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/benchmarks.*")
    return parser.parse_args()


def default_names(everything):
    import zoo

    applications = zoo.list_models("keras/*") if everything else APPLICATIONS
    return [*conversions.PROBES, *zoo.list_models(), *applications]


def convert(name, folder):
    """Convert in a process of its own, again after each crash."""
    command = [sys.executable, conversions.__file__, str(folder), name]
    for _ in range(ATTEMPTS):
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return


def compare(name, folder, arguments):
    """The rows of a model, printed too."""
    failures, found = conversions.read_failures(folder), {}
    for precision in conversions.PRECISIONS:
        files = {way: folder / f"{way}.{precision}.tflite" for way in conversions.WAYS}
        contents = {way: file.read_bytes() for way, file in files.items() if file.exists()}
        notes = {way: failures.get(f"{way}.{precision}", "") for way in conversions.WAYS}
        for row in race(name, precision, contents, notes, arguments):
            found[row.model, row.precision, row.way] = row
            print(*(text for text in vars(row).values() if text), flush=True)
    return found


def race(name, precision, contents, notes, arguments):
    """A row for each usual way, of files that run in turns."""
    import export

    if "ours" not in contents:
        yield Row(model=name, precision=precision, way="ours", note=notes["ours"])
        return
    files = {"noise": contents["ours"]}
    for way, content in contents.items():
        try:
            prepared(content)
            files[way] = content
        except (RuntimeError, ValueError) as error:
            notes[way] = unusable(content, error)
    times = alternate(files, arguments.rounds, arguments.seconds)
    noise = ratios(times, "noise")[1]
    ours = export.inspect(contents["ours"])
    for way in (way for way in conversions.WAYS if way != "ours"):
        told = {"model": name, "precision": precision, "way": way}
        told |= {"ours_ms": f"{statistics.median(times['ours']):.4g}", "noise": f"{noise:.3f}"}
        if way not in files:
            yield Row(**told, note=notes[way])
            continue
        theirs = export.inspect(contents[way])
        low, middle, high = ratios(times, way)
        islands = sum(theirs.float_operators.values()) if precision == "int8" else 0
        yield Row(
            **told,
            ratio=f"{middle:.3f}",
            low=f"{low:.3f}",
            high=f"{high:.3f}",
            operators=f"{sum(theirs.operators.values())} → {sum(ours.operators.values())}",
            note=f"{islands} of its operators compute in float" if islands else "",
        )


def unusable(content, error):
    """Why LiteRT does not run a file."""
    import export

    flex = export.inspect(content).flex
    if flex:
        return f"written, but LiteRT can't run it: Flex for {', '.join(n.removeprefix('Flex') for n in flex)}"
    return f"written, but LiteRT can't run it: {str(error).splitlines()[0][:100]}"


def prepared(content):
    """An interpreter with a batch of 1 and its inputs set; it has run once."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    for detail in interpreter.get_input_details():
        interpreter.resize_tensor_input(detail["index"], [1, *detail["shape"][1:]])
    interpreter.allocate_tensors()
    generator = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        scale = 100 if detail["dtype"] == np.int8 else 1
        values = scale * generator.random(detail["shape"])
        interpreter.set_tensor(detail["index"], values.astype(detail["dtype"]))
    interpreter.invoke()
    return interpreter


def alternate(files, rounds, seconds):
    """By name the milliseconds of each turn. The order is another one each round.

    Where in memory an interpreter happens to lie makes a few percent: they are made anew now and then.
    """
    times, order = {name: [] for name in files}, list(files)
    for number in range(rounds):
        if number % (rounds // INSTANCES or 1) == 0:
            runners = {name: prepared(files[name]) for name in order}
        for name in order:
            times[name].append(turn(runners[name], seconds))
        order = [*order[1:], order[0]]
    return times


def turn(interpreter, seconds):
    """Milliseconds of processor time an inference takes, over as many as fit into a turn.

    LiteRT with one thread computes in the one that calls it, so that what else the machine does hardly counts.
    """
    count, start, clock = 0, time.perf_counter(), time.thread_time()
    while not count or time.perf_counter() - start < seconds:
        interpreter.invoke()
        count += 1
    return 1e3 * (time.thread_time() - clock) / count


def ratios(times, way):
    """p10, median and p90 over rounds of one way's time by ours."""
    ordered = sorted(a / b for a, b in zip(times[way], times["ours"], strict=True))
    return tuple(ordered[round(share * (len(ordered) - 1))] for share in (0.1, 0.5, 0.9))


def verdict(rows):
    """How the bars are met, a line each."""
    all_kinds = tuple(name for names in KINDS.values() for name in names)
    for kind, names in ({"all of these kinds": all_kinds} | KINDS).items():
        found = [float(row.ratio) for row in rows.values() if row.model in names and row.ratio]
        if found:
            wanted = f", at least {FASTER} wanted" if names is all_kinds else ""
            yield f"- {kind}: median ratio {statistics.median(found):.2f} of {len(found)} comparisons{wanted}."
    slower = [row for row in rows.values() if row.ratio and float(row.ratio) < NEVER_SLOWER]
    measured = sum(bool(row.ratio) for row in rows.values())
    yield f"- below {NEVER_SLOWER}: {len(slower)} of {measured} comparisons."
    for row in slower:
        yield f"  - {row.model}, {row.precision}, {row.way}: {row.ratio} ({row.low} to {row.high})."
    failed = sum(bool(row.way != "ours" and not row.ratio) for row in rows.values())
    yield f"- the usual way gives no file that runs in {failed} of {measured + failed} cases."


def read_rows():
    if not TABLE.exists():
        return {}
    with open(TABLE, newline="", encoding="utf-8") as file:
        return {(row["model"], row["precision"], row["way"]): Row(**row) for row in csv.DictReader(file)}


def write(rows, arguments):
    """The rows as CSV, and the document made of them."""
    ordered = [rows[key] for key in sorted(rows, key=lambda key: (key[0], key[1], key[2]))]
    text = io.StringIO()
    table = csv.DictWriter(text, list(Row.__dataclass_fields__), lineterminator="\n")
    table.writeheader()
    table.writerows(vars(row) for row in ordered)
    TABLE.write_text(text.getvalue(), encoding="utf-8")
    DOCUMENT.write_text(document(ordered, arguments), encoding="utf-8")


def document(rows, arguments):
    from export.benchmarking import device_name

    packages = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    system = f"{device_name()}, {os.cpu_count()} logical processors, {platform.system()}"
    lines = [
        "# Latency against the usual conversions",
        "",
        "Written by `python tests/benchmarks/export_latency.py --write`. `converter` is",
        '`tf.lite.TFLiteConverter.from_keras_model(model)`, `litert` is `model.export(format="litert")`, both with a',
        "batch of 1 when they are loaded. A ratio is usual / ours, above 1 where ours is faster: the median over",
        f"{arguments.rounds} rounds in which the files run in turns of {arguments.seconds:g} s in one process, with p10 to",
        "p90 in brackets, of the processor time of the one thread. Noise is the same for two copies of our file. `keras/` are the models of",
        "`keras.applications` at full size, with random weights.",
        "",
        f"{system}; 1 thread; LiteRT with XNNPACK; {versions}.",
        "",
        *verdict({(row.model, row.precision, row.way): row for row in rows}),
        "",
        "| model | precision | ours | against | ratio | noise | operators | |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | --- |",
    ]
    return "\n".join([*lines, *map(line, rows)]) + "\n"


def line(row):
    ratio = f"{float(row.ratio):.2f} ({float(row.low):.2f} to {float(row.high):.2f})" if row.ratio else "–"
    time_ = f"{row.ours_ms} ms" if row.ours_ms else "–"
    cells = [f"`{row.model}`", row.precision, time_, row.way, ratio, row.noise, row.operators, row.note]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    main()
