"""The tables of the page, with bars in their cells."""

import math
from html import escape

from ..markdown import milliseconds, size

WORST = 8
LOST = (
    "Layer by layer against the float32 file, in standard deviations of its values. Own is what a layer adds,"
    " measured on the inputs that it really gets: the rounding of its weights and its output. So far is all"
    " that has come together at its output."
)


def files(report, chosen):
    """A row a file; that of the file to ship stands out."""
    metrics = list(report.files[0].metrics)
    head = ["file", "size", "zipped", "median latency", "memory", "error", *metrics, "checks"]
    base = report.file("float32")
    # One file that is many times slower must not make all other bars vanish.
    slowest = min(max(file.benchmark.median_ms for file in report.files), 2 * base.benchmark.median_ms)
    most = {"bytes": max(file.contents.bytes for file in report.files), "ms": slowest}
    rows = [_file(file, metrics, most, file.file == chosen) for file in report.files]
    return f'<div class="card">{_table(head, rows)}</div>\n'


def layers(explanation):
    """The layers that lose most by themselves."""
    worst = explanation.ranked[:WORST]
    most = max((layer.own_error for layer in worst if math.isfinite(layer.own_error)), default=0)
    rows = [
        _row(
            [
                escape(layer.layer),
                f"<code>{escape(layer.operator)}</code>",
                bar(layer.own_error, most, "warm") + percent(layer.own_error),
                percent(layer.error),
            ]
        )
        for layer in worst
    ]
    return _table(["layer", "operator", "own", "so far"], rows)


def bar(value, most, kind=""):
    """A bar as long as its share of the largest."""
    share = min(100, 100 * value / most) if most and math.isfinite(value) else 0
    return f'<span class="track {kind}"><span class="fill" style="width:{share:.1f}%"></span></span>'


def percent(value):
    """A share with the digits that count."""
    if 0 < value < 1e-4:
        return "&lt; 0.01 %"
    return f"{100 * value:.2g} %" if value < 1 else f"{100 * value:.0f} %"


def _file(file, metrics, most, chosen):
    times, errors = file.benchmark, [a.rms_error for a in file.verification.agreements]
    spread = f"{milliseconds(times.p10_ms)} to {milliseconds(times.p90_ms)} ms"
    cells = [
        f"<code>{escape(file.file)}</code>",
        bar(file.contents.bytes, most["bytes"]) + size(file.contents.bytes),
        _zipped(file.weights),
        bar(times.median_ms, most["ms"]) + _whole(f"{milliseconds(times.median_ms)} ms", spread),
        _whole(size(times.peak_memory_bytes)),
        _whole(percent(max(errors))) if errors else "not compared",
        *(_metric(file, name) for name in metrics),
        '<span class="bad">failed</span>' if file.problems else "passed",
    ]
    return _row(cells, "chosen" if chosen else "")


def _zipped(weights):
    if weights is None:
        return "–"
    return _whole(size(weights.zip_bytes), f"{percent(weights.zeros)} of its weights are zero")


def _whole(text, title=""):
    """Text on one line, with more to read where the pointer rests."""
    more = f' title="{title}"' if title else ""
    return f'<span class="n"{more}>{text}</span>'


def _metric(file, name):
    value = f"{file.metrics[name]:.4f}"
    return value if file.precision == "float32" else f"{value} ({file.difference[name]:+.4f})"


def _table(head, rows):
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f"<table>\n<tr>{titles}</tr>\n{''.join(rows)}</table>\n"


def _row(cells, kind=""):
    return f'<tr class="{kind}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
