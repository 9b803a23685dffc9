"""Latency and memory of a file, measured in a fresh process that holds nothing but LiteRT."""

import platform
import statistics
from dataclasses import dataclass
from pathlib import Path

from .contents import inspect, read
from .errors import ExportError, InvalidInput, WorkerDied
from .process import TIMEOUT, JobFailed, Worker
from .scratch import scratch_folder


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What running a file on this machine took.

    `median_ms`, `p10_ms` and `p90_ms` are over `runs` inferences after `warmup` others; `first_ms`
    is the very first. `peak_memory_bytes` is the most the process grew by to load and run the file.
    `partitions` says into how many parts XNNPACK took the graph, `undelegated` which operators it
    left to LiteRT's own kernels: each of those between two parts costs a hand-over.
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


def benchmark(tflite, threads=1, runs=50, warmup=5, timeout=TIMEOUT):
    """Measure the main signature of a file with LiteRT and its default delegate, XNNPACK.

    Args:
        tflite: The file's path, or its bytes.
        threads: Threads LiteRT may use.
        runs: Inferences that count.
        warmup: Inferences before, which do not.
        timeout: Seconds the whole measurement may take.

    Raises:
        ExportError: LiteRT crashed on the file, or took too long.
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: A number is out of range.
    """
    _check_counts(threads=(threads, 1), runs=(runs, 1), warmup=(warmup, 0))
    content = read(tflite)
    contents = inspect(content)
    measured = _measure(content, threads, runs, warmup, timeout)
    times = sorted(measured["times"])
    return Benchmark(
        bytes=contents.bytes,
        sha256=contents.sha256,
        operators=dict(contents.operators),
        threads=threads,
        runs=runs,
        warmup=warmup,
        median_ms=statistics.median(times),
        p10_ms=_percentile(times, 0.1),
        p90_ms=_percentile(times, 0.9),
        first_ms=measured["first"],
        peak_memory_bytes=measured["memory"],
        partitions=measured["partitions"],
        undelegated=measured["undelegated"],
        device=device_name(),
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


def _measure(content, threads, runs, warmup, timeout):
    with scratch_folder() as scratch, Worker() as worker:
        file = scratch / "measured.tflite"
        file.write_bytes(content)
        try:
            return worker.call("measure", timeout, file=str(file), threads=threads, runs=runs, warmup=warmup)
        except (JobFailed, WorkerDied) as error:
            raise ExportError(f"The file can't be measured: {error}") from error


def _percentile(ordered, share):
    return ordered[round(share * (len(ordered) - 1))]


def _check_counts(**counts):
    for name, (value, least) in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidInput(f"{name} must be an integer of at least {least}, not {value!r}.")
