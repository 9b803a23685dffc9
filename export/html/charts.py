"""Quality against size, as an inline SVG."""

import math
from html import escape

from ..markdown import size

WIDTH, HEIGHT = 900, 340
LEFT, RIGHT, TOP, BOTTOM = 80, 140, 20, 52
LABEL = 110
STEPS = (1, 2, 2.5, 5, 10)


def tradeoff(report, chosen):
    """Every file as a point: bytes to the right, the metric of the bars upwards.

    Where there is no metric, the error against the model is drawn instead. The file to ship has a ring, and a
    dashed line at what it has to reach.
    """
    title, values = _quality(report)
    limit = _least(report, chosen)
    points = [(f, values[f.file]) for f in report.files if math.isfinite(values.get(f.file, math.nan))]
    if not points:
        return ""
    heights = [value for _, value in points] + ([] if limit is None else [limit])
    x = _scale(0, 1.05 * max(file.contents.bytes for file, _ in points), LEFT, WIDTH - RIGHT)
    y = _scale(*_padded(heights), HEIGHT - BOTTOM, TOP)
    parts = [_axes(x, y, title), _limit(y, limit)]
    dots = [(x(file.contents.bytes), y(value)) for file, value in points]
    taken = []
    for file, value in sorted(points, key=lambda point: -point[1]):
        parts.append(_point(file, x(file.contents.bytes), y(value), dots, taken, file.file == chosen))
    label = f"{title} against file size"
    return (
        f'<div class="card"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}"'
        f' font-size="13">{"".join(parts)}</svg></div>\n'
    )


def _quality(report):
    """What is drawn upwards: its name, and a value a file."""
    verdicts = [file.verdict for file in report.files if file.verdict]
    metrics = report.files[0].metrics
    if not metrics:
        errors = {file.file: [a.rms_error for a in file.verification.agreements] for file in report.files}
        return "error against the model", {name: max(e) for name, e in errors.items() if e}
    name = verdicts[0].metric if verdicts else next(iter(metrics))
    return name, {file.file: file.metrics[name] for file in report.files}


def _least(report, chosen):
    """The metric's value at which the chosen file would just meet its bar, None where it has none."""
    verdict = next((file.verdict for file in report.files if file.file == chosen), None)
    if verdict is None:
        return None
    return verdict.reference - (verdict.allowed if verdict.higher_is_better else -verdict.allowed)


def _padded(values):
    low, high = min(values), max(values)
    margin = 0.15 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _scale(low, high, start, end):
    """A function from values to pixels that knows its range."""

    def place(value):
        return start + (end - start) * (value - low) / (high - low)

    place.low, place.high = low, high
    return place


def _axes(x, y, title):
    parts = []
    for value in ticks(y.low, y.high):
        parts.append(
            f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(
            f'<text class="soft" x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.6g}</text>'
        )
    for value in ticks(x.low, x.high):
        parts.append(
            f'<text class="soft" x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
            f"{size(round(value))}</text>"
        )
    parts.append(
        f'<text class="soft" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        "file size</text>"
    )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text class="soft" x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">'
        f"{escape(title)}</text>"
    )
    return "".join(parts)


def _limit(y, limit):
    if limit is None:
        return ""
    return (
        f'<line class="limit dash" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(limit):.1f}" y2="{y(limit):.1f}"/>'
        f'<text class="soft" x="{WIDTH - RIGHT + 6}" y="{y(limit) + 4:.1f}">has to be reached</text>'
    )


def _point(file, x, y, dots, taken, chosen):
    """A dot with its name, which moves down until it is on no other name and on no other dot."""
    line = y + 4
    while any(abs(line - other) < 15 and abs(x - place) < LABEL for place, other in taken) or any(
        abs(line - 4 - height) < 9 and x < place < x + LABEL for place, height in dots
    ):
        line += 15
    taken.append((x, line))
    ring = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="9"/>' if chosen else ""
    weight = ' font-weight="600"' if chosen else ""
    return (
        f'{ring}<circle class="node" cx="{x:.1f}" cy="{y:.1f}" r="5">'
        f"<title>{escape(file.file)}</title></circle>"
        f'<text x="{x + 14:.1f}" y="{line:.1f}"{weight}>{escape(file.file.removesuffix(".tflite"))}</text>'
    )


def ticks(low, high, count=5):
    """Round numbers between two values, about `count` of them."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in STEPS if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]
