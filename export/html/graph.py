"""The graph of a file's operators, one a row, with what each costs, as an inline SVG."""

import math
from html import escape

from ..markdown import milliseconds, size
from .tables import percent

ABOUT = (
    "From top to bottom in the order in which they run; curves at the left are connections that skip rows."
    " Products are multiplications that are added up. The time is each operator's by itself, less what an empty file"
    " takes; a dot of another colour marks those that XNNPACK leaves to LiteRT's slower kernels."
)
ROW, TOP, WIDTH = 24, 34, 960
LANE, LANES = 9, 7
NAME, SHAPE, BARS, BAR, STEP = 84, 430, 560, 70, 100
SHOWN = 400
"""Rows that are drawn at most; a page with more of them is slow to open."""


def draw(costs, errors, times=()):
    """The graph as an SVG, in a box that scrolls.

    Args:
        costs: What `operator_costs` gives.
        errors: A dict from the names of tensors to their layer's own error. Columns without values are left
            out.
        times: The file's `OperatorTime`s, if they were measured.
    """
    shown = costs[:SHOWN]
    taken = {time.output: time for time in times}
    left = {output for output, time in taken.items() if not time.delegated}
    columns = {
        "time": ([_time(taken.get(cost.output)) for cost in shown], _milliseconds),
        "products": ([cost.macs for cost in shown], _count),
        "weights": ([cost.weight_bytes for cost in shown], size),
        "own error": ([errors.get(cost.output, math.nan) for cost in shown], percent),
    }
    columns = {name: column for name, column in columns.items() if any(v > 0 for v in column[0])}
    height = TOP + ROW * (len(shown) + 1)
    parts = [_head(columns), *_edges(shown), _row_text(-1, "input", "", "", False)]
    for place, cost in enumerate(shown):
        shape = "×".join(map(str, cost.shape[1:] or cost.shape))
        described = cost.operator, cost.layer, f"{shape} {cost.dtype}", cost.output in left
        parts.append(_row_text(place, *described))
    for number, (name, (values, text)) in enumerate(columns.items()):
        parts += _bars(number, values, text, "warm" if name == "own error" else "bar")
    rest = len(costs) - len(shown)
    more = f"<p>{rest} more operators follow.</p>" if rest else ""
    return (
        f'<div class="scroll"><svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img"'
        f' aria-label="graph of operators" font-size="12">{"".join(parts)}</svg>{more}</div>\n'
    )


def _y(place):
    return TOP + ROW * (place + 1)


def _head(columns):
    titles = [(NAME, "operator and layer"), (SHAPE, "result")]
    titles += [(BARS + i * STEP, name) for i, name in enumerate(columns)]
    return "".join(f'<text class="soft" x="{x}" y="14">{escape(title)}</text>' for x, title in titles)


def _row_text(place, operator, layer, shape, left):
    y, x = _y(place), NAME - 14
    room = 330 // 7 - len(operator)
    short = layer if len(layer) <= room else layer[: max(room - 1, 1)] + "…"
    return (
        f'<circle class="{"cut" if left else "node"}" cx="{x}" cy="{y}" r="4"/>'
        f'<text x="{NAME}" y="{y + 4}">{escape(operator)} <tspan class="soft">{escape(short)}</tspan>'
        f"<title>{escape(layer)}</title></text>"
        f'<text class="soft" x="{SHAPE}" y="{y + 4}">{escape(shape)}</text>'
    )


def _bars(number, values, text, kind):
    """A column of bars, as long as their share of the largest, each with its value."""
    most = max((v for v in values if math.isfinite(v)), default=0) or 1
    x = BARS + number * STEP
    for place, value in enumerate(values):
        if value > 0:
            y, width = _y(place), max(1, BAR * value / most)
            yield f'<rect class="{kind}" x="{x}" y="{y - 8}" width="{width:.1f}" height="16" rx="3"/>'
            yield f'<text x="{x + 4}" y="{y + 4}">{text(value)}</text>'


def _time(time):
    return math.nan if time is None or time.median_ms is None else time.median_ms


def _milliseconds(value):
    return f"{milliseconds(value)} ms"


def _edges(costs):
    """A line from each operator to the next that takes its result, and curves to those further down."""
    x, lanes = NAME - 14, []
    for place, cost in enumerate(costs):
        for source in cost.inputs:
            if source == place - 1:
                yield f'<path class="edge" d="M{x} {_y(source)}V{_y(place)}"/>'
                continue
            lane = _lane(lanes, source, place)
            out = x - 12 - LANE * lane
            a, b = _y(source), _y(place)
            corners = f"Q{out} {a} {out} {a + 6}V{b - 6}Q{out} {b} {out + 6} {b}"
            yield f'<path class="edge" d="M{x} {a}H{out + 6}{corners}H{x}"/>'


def _lane(lanes, source, place):
    """The first lane that is free between two rows; the last one is shared."""
    for number in range(LANES - 1):
        if number == len(lanes):
            lanes.append([])
        if all(place <= start or end <= source for start, end in lanes[number]):
            lanes[number].append((source, place))
            return number
    return LANES - 1


def _count(value):
    """A number of products as people say it."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return str(value)
