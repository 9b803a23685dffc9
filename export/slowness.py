"""Why a file is slower than the float32 file, in sentences, and what to build in its place."""

from .profiling import by_operator

SLOWER = 1.05
"""Up to this ratio two latencies are called equal."""

MATTERS = 0.03
"""Share of the time from which an operator is worth a remedy."""

SPREAD = "No operator cuts its graph, and none takes most of the difference."
NORMALISATION = (
    "normalise by batch statistics in the place of layer, group or response normalisation, which folds into the"
    " convolution"
)
ACTIVATION = "activate what a convolution, dense layer or addition gives, of which it becomes a part"
COMPARISON = "leave the choice to the caller: end the model at the values that are compared"
ADVICE = {
    "ADD": "leave out additions of what is far below a step of their sum, as an epsilon is; " + NORMALISATION,
    "AVERAGE_POOL_2D": 'pool windows that lie within the image (padding "valid"), or by the maximum',
    "BATCH_MATMUL": "multiply by constant weights with a dense layer or a 1 × 1 convolution",
    "BROADCAST_TO": "let the arithmetic broadcast, or store the constant in its full shape",
    "DIV": "multiply by the reciprocal where the divisor is constant; " + NORMALISATION,
    "EQUAL": COMPARISON,
    "EXP": NORMALISATION,
    "GATHER": "select with a convolution or dense layer of fixed weights, or before the model",
    "GELU": "activate with ReLU or ReLU6",
    "GREATER": COMPARISON,
    "LESS": COMPARISON,
    "LOG": NORMALISATION,
    "LOG_SOFTMAX": "end the model at its logits",
    "RELU": ACTIVATION,
    "RELU6": ACTIVATION,
    "RESIZE_NEAREST_NEIGHBOR": "enlarge bilinearly, or with a transposed convolution",
    "RSQRT": NORMALISATION,
    "SELECT": COMPARISON,
    "SELECT_V2": COMPARISON,
    "SOFTMAX": "end the model at its logits",
    "SQRT": NORMALISATION,
    "TOPK_V2": COMPARISON,
}
"""For operators that XNNPACK has no int8 kernel for, what can stand in their place that it takes."""


def slower(report):
    """A few sentences on each file that takes longer than float32 here.

    Args:
        report: A `Report`.

    Returns:
        A list of texts that begin with the file's name.
    """
    base = report.file("float32").benchmark
    found = []
    for file in report.files:
        ratio = file.benchmark.median_ms / base.median_ms
        if file.precision != "float32" and ratio >= SLOWER:
            text = f"`{file.file}` is slower than `float32.tflite` on this machine, {ratio:.2f} times."
            found.append(" ".join([text, *(list(_reasons(file.benchmark, base, report.advice)) or [SPREAD])]))
    return found


def _reasons(times, base, advice):
    left = times.undelegated
    if not times.partitions:
        yield "XNNPACK takes no part of its graph."
    elif times.partitions > base.partitions and left:
        ordered = sorted(left, key=lambda name: -_share(times, name))
        yield f"XNNPACK takes its graph in {times.partitions} parts, cut by {_named(times, ordered)}."
        yield from _remedies([name for name in ordered if _share(times, name) >= MATTERS] or ordered, advice)
    heaviest = _heaviest(times, base)
    if heaviest and heaviest not in left:
        mine, other = by_operator(times.profile)[heaviest], by_operator(base.profile).get(heaviest, 0)
        compared = (
            f"{mine / other:.1f} times as long as in float32" if other else "time that float32 does not need"
        )
        also = "Most of the difference is" if not left else "Beside these, most is lost"
        yield f"{also} in {heaviest}: it takes {compared}, {_share(times, heaviest):.0%} of the whole."


def _named(times, ordered):
    """Operators with how many there are of each, and their share of the time if it was measured."""
    shares = [f", {_share(times, name):.0%} of the time" if times.profile else "" for name in ordered]
    return ", ".join(
        f"{name} ({times.undelegated[name]}{share})" for name, share in zip(ordered, shares, strict=True)
    )


def _share(times, operator):
    """The share of the time that the operators of a kind take, of those that XNNPACK left if it left some."""
    mine = [t for t in times.profile if t.operator == operator]
    mine = [t for t in mine if not t.delegated] or mine
    whole = sum(t.median_ms or 0.0 for t in times.profile)
    return sum(t.median_ms or 0.0 for t in mine) / whole if whole else 0.0


def _remedies(left, advice):
    """What avoids the operators: the caller's own words if there are any, each once."""
    own = dict.fromkeys(advice[name] for name in left if name in advice)
    texts = own or dict.fromkeys(ADVICE[name] for name in left if name in ADVICE)
    if texts:
        yield f"What avoids them: {'; '.join(dict.fromkeys('; '.join(texts).split('; ')))}."


def _heaviest(times, base):
    """The kind of operator that adds most to what the float32 file takes, None if that is not half of it."""
    mine, other = by_operator(times.profile), by_operator(base.profile)
    added = {name: mine[name] - other.get(name, 0.0) for name in mine}
    lost = sum(mine.values()) - sum(other.values())
    worst = max(added, key=added.get, default=None)
    if worst is None or lost <= 0 or added[worst] < lost / 2 or mine[worst] < SLOWER * other.get(worst, 0.0):
        return None
    return worst
