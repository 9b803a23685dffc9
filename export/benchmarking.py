"""Latency and memory of a file, measured in a fresh process that holds nothing but LiteRT."""

import platform
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .contents import inspect, read
from .costs import operator_costs
from .errors import ExportError, InvalidInput, WorkerDied
from .process import TIMEOUT, JobFailed, Worker
from .profiling import OperatorTime, profile
from .scratch import scratch_folder


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What a file took with a number of threads, in a process of its own; see `Benchmark`."""

    threads: int
    median_ms: float
    p10_ms: float
    p90_ms: float
    load_ms: float
    first_ms: float
    peak_memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What running a file on this machine took.

    `median_ms`, `p10_ms` and `p90_ms` are over `runs` inferences after `warmup` others; `first_ms` is the very
    first, and `load_ms` what it took to load the file and prepare it before. `peak_memory_bytes` is the most the
    process grew by to load and run the file. `by_threads` has all that for each number of threads; the fields
    here are those of the first. `partitions` says into how many parts XNNPACK took the graph, `undelegated` which
    operators it left to LiteRT's own kernels: each of those between two parts costs a hand-over. `profile` has
    the time of each operator by itself, where it was asked for.
    """

    bytes: int
    sha256: str
    operators: dict[str, int]
    threads: int
    runs: int
    warmup: int
    median_ms: float
    p10_ms: float
    p90_ms: float
    first_ms: float
    peak_memory_bytes: int
    partitions: int
    undelegated: dict[str, int]
    device: str
    load_ms: float = 0.0
    by_threads: tuple[Latency, ...] = ()
    profile: tuple[OperatorTime, ...] = ()


def benchmark(tflite, threads=1, runs=50, warmup=5, timeout=TIMEOUT, *, profile=False):
    """Measure the main signature of a file with LiteRT and its default delegate, XNNPACK.

    Args:
        tflite: The file's path, or its bytes.
        threads: Threads LiteRT may use, or several such numbers to compare.
        runs: Inferences that count.
        warmup: Inferences before, which do not.
        timeout: Seconds the whole measurement may take, with each number of threads.
        profile: Whether to measure each operator by itself too, with the first number of threads.

    Raises:
        ExportError: LiteRT crashed on the file, or took too long.
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: A number is out of range.
    """
    counts = _counts(threads)
    _check_counts(runs=(runs, 1), warmup=(warmup, 0))
    content = read(tflite)
    contents = inspect(content)
    found, times = [], ()
    for count in counts:
        measured, part = _measure(content, count, runs, warmup, timeout, profile and count == counts[0])
        found.append((measured, _latency(measured, count)))
        times = times or part
    measured, first = found[0]
    kinds = [cost.operator for cost in operator_costs(content)]
    return Benchmark(
        bytes=contents.bytes,
        sha256=contents.sha256,
        operators=dict(contents.operators),
        runs=runs,
        warmup=warmup,
        partitions=measured["partitions"],
        undelegated=dict(sorted(Counter(kinds[place] for place in measured["left"]).items())),
        device=device_name(),
        by_threads=tuple(latency for _, latency in found),
        profile=times,
        **vars(first),
    )


def device_name():
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _measure(content, threads, runs, warmup, timeout, profiled):
    """What the child measured of a file, and the times of its operators if they are asked for."""
    with scratch_folder() as scratch, Worker() as worker:
        file = scratch / "measured.tflite"
        file.write_bytes(content)
        try:
            measured = worker.call(
                "measure", timeout, file=str(file), threads=threads, runs=runs, warmup=warmup
            )
            given = content, set(measured["left"]), worker, scratch, threads, timeout
            return measured, profile(*given) if profiled else ()
        except (JobFailed, WorkerDied) as error:
            raise ExportError(f"The file can't be measured: {error}") from error


def _latency(measured, threads):
    times = sorted(measured["times"])
    return Latency(
        threads=threads,
        median_ms=statistics.median(times),
        p10_ms=_percentile(times, 0.1),
        p90_ms=_percentile(times, 0.9),
        load_ms=measured["load"],
        first_ms=measured["first"],
        peak_memory_bytes=measured["memory"],
    )


def _percentile(ordered, share):
    return ordered[round(share * (len(ordered) - 1))]


def _counts(threads):
    """The numbers of threads, each once."""
    if isinstance(threads, str) or not isinstance(threads, Iterable):
        threads = (threads,)
    counts = tuple(dict.fromkeys(threads))
    if not counts:
        raise InvalidInput("threads must be an integer of at least 1, or several; there is none.")
    for count in counts:
        _check_counts(threads=(count, 1))
    return counts


def _check_counts(**counts):
    for name, (value, least) in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidInput(f"{name} must be an integer of at least {least}, not {value!r}.")
