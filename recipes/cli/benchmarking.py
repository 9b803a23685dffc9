"""`edgezoo benchmark`: what files take on this machine."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import output
from recipes.cli.files import Json, existing, naming

ROWS = 30


def benchmark(
    files: Annotated[list[pathlib.Path], typer.Argument(metavar="FILE.tflite…", help="Files to measure.")],
    threads: Annotated[
        str, typer.Option(help="Threads LiteRT may use; several to compare, such as `1,2,4`.")
    ] = "1",
    runs: Annotated[int, typer.Option(min=1, help="Inferences that count.")] = 50,
    warmup: Annotated[int, typer.Option(min=0, help="Inferences before, which do not.")] = 5,
    profile: Annotated[
        bool, typer.Option("--profile", help="Measure each operator by itself too, the slowest first.")
    ] = False,
    as_json: Json = False,
):
    """Measure bytes, operators, latency and peak memory of `.tflite` files, each in a fresh process.

    Example: `edgezoo benchmark runs/*/export/int8.tflite --threads 1,2`,
    `edgezoo benchmark runs/lenet5_digits-seed0/export/int8.tflite --profile`
    """
    import dataclasses

    import export

    counts = _counts(threads)
    measured = []
    for file in files:
        with naming(existing(file)):
            found = export.benchmark(file, threads=counts, runs=runs, warmup=warmup, profile=profile)
            measured.append((file, found))
    if as_json:
        output.print_json([{"file": str(f), **dataclasses.asdict(m)} for f, m in measured])
        return
    _print(measured)
    for file, found in measured if profile else ():
        _print_profile(file, found)


def _counts(text):
    """The numbers of threads in a text such as `1,2`."""
    from recipes.errors import RecipeError

    counts = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if min(counts) < 1:
        raise RecipeError(f"--threads {text}: give a number of at least 1, or several such as 1,2,4")
    return counts


def _print(measured):
    rows = [
        [
            *([f, output.bytes_text(m.bytes), _operators(m)] if times is m.by_threads[0] else ["", "", ""]),
            times.threads,
            f"{times.median_ms:.3f}",
            f"{times.p10_ms:.3f}–{times.p90_ms:.3f}",
            f"{times.load_ms + times.first_ms:.2f}",
            output.bytes_text(times.peak_memory_bytes),
        ]
        for f, m in measured
        for times in m.by_threads
    ]
    columns = [
        "file",
        ">size",
        "operators",
        ">threads",
        ">median ms",
        ">10–90 %",
        ">first ms",
        ">peak memory",
    ]
    first = measured[0][1]
    caption = (
        f"{first.device}; {first.runs} runs after {first.warmup} warm-up runs; first: from the file to the first"
        " answer; memory: growth of a fresh process."
    )
    output.table(None, columns, rows, caption=caption)


def _operators(measured):
    counted = ", ".join(f"{name} {count}" for name, count in sorted(measured.operators.items()))
    left = ", ".join(f"{name} {count}" for name, count in measured.undelegated.items())
    return f"{counted}; XNNPACK leaves out {left}" if left else counted


def _print_profile(file, measured):
    """The operators of a file, the slowest first."""
    whole = sum(time.median_ms or 0.0 for time in measured.profile)
    ordered = sorted(measured.profile, key=lambda time: -(time.median_ms or 0.0))
    rows = [
        [
            time.operator,
            time.layer,
            *_cells(time, whole),
            "XNNPACK" if time.delegated else "LiteRT",
        ]
        for time in ordered[:ROWS]
    ]
    left = len(ordered) - len(rows)
    caption = (
        f"Each operator by itself, less what an empty file takes: {whole:.3f} ms together, the whole file takes"
        f" {measured.median_ms:.3f} ms.{f' {left} more operators: --json.' if left else ''}"
    )
    columns = ["operator", "layer", ">median ms", ">10–90 %", ">share", "kernel"]
    output.table(f"{file}: where the time goes", columns, rows, caption=caption)


def _cells(time, whole):
    if time.median_ms is None:
        return ["can't run alone", "", ""]
    share = f"{time.median_ms / whole:.1%}" if whole else "–"
    return [f"{time.median_ms:.4f}", f"{time.p10_ms:.4f}–{time.p90_ms:.4f}", share]
