"""What each operator of a file takes, measured with each one running by itself.

LiteRT's Python interface has no profiler. XNNPACK joins some neighbours into one, so that the sum is not exactly
what the whole file takes; the shares tell where the time goes.
"""

from dataclasses import dataclass

from .costs import operator_costs
from .cutting import Cut
from .errors import WorkerDied

SECONDS = 0.003
"""How long an operator runs, or three times where that takes longer."""


@dataclass(frozen=True, kw_only=True)
class OperatorTime:
    """One operator of a file: `output` is the name of its first output, `layer` the Keras layer it comes from.

    `median_ms`, `p10_ms` and `p90_ms` are of an inference of it alone, less what a file without operators takes;
    None where it can't run alone. Operators that are alike were measured once. `delegated` says whether XNNPACK
    runs it in the whole file.
    """

    operator: str
    layer: str
    output: str
    median_ms: float | None
    p10_ms: float | None
    p90_ms: float | None
    delegated: bool


def profile(content, left, worker, scratch, threads, timeout):
    """The operators of a file's first graph in the order in which they run, with their times.

    Args:
        content: The file's bytes.
        left: The places of the operators that XNNPACK does not take.
        worker: The `Worker` to measure in.
        scratch: A folder for the files of single operators.
        threads, timeout: See `benchmark`.

    Returns:
        A tuple of `OperatorTime`.
    """
    cut, costs = Cut(content), operator_costs(content)
    kinds = [kind and (kind, place in left) for place, kind in enumerate(map(cut.kind, range(len(cut))))]
    firsts = {kind: place for place, kind in reversed([*enumerate(kinds)]) if kind is not None}
    (scratch / "empty.tflite").write_bytes(cut.empty())
    for place in firsts.values():
        (scratch / f"{place}.tflite").write_bytes(cut.file(place))
    files = [str(scratch / f"{place}.tflite") for place in firsts.values()]
    asked = {"empty": str(scratch / "empty.tflite"), "threads": threads, "seconds": SECONDS}
    times = _times(worker, files, timeout, asked)
    measured = dict(zip(firsts, times, strict=True)) | {None: (0.0, 0.0, 0.0)}
    return tuple(
        _time(cost, measured[kind], place not in left)
        for place, (cost, kind) in enumerate(zip(costs, kinds, strict=True))
    )


def _times(worker, files, timeout, asked):
    """Median, p10 and p90 of each file's milliseconds; None for one that can't be run by itself."""
    try:
        return worker.call("profile", timeout, files=files, **asked)
    except WorkerDied:
        if len(files) == 1:
            return [None]
        return [times for file in files for times in _times(worker, [file], timeout, asked)]


def _time(cost, times, delegated):
    median, low, high = times or (None, None, None)
    return OperatorTime(
        operator=cost.operator,
        layer=cost.layer,
        output=cost.output,
        median_ms=median,
        p10_ms=low,
        p90_ms=high,
        delegated=delegated,
    )


def by_operator(times):
    """A dict from operator to the milliseconds of all of its kind, most first."""
    sums = {}
    for time in times:
        sums[time.operator] = sums.get(time.operator, 0.0) + (time.median_ms or 0.0)
    return dict(sorted(sums.items(), key=lambda item: -item[1]))
