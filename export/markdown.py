"""A report as Markdown: one table, then what stands out."""

from .choosing import choose
from .remarks import compressed, quantised
from .slowness import slower


def to_markdown(report):
    """The report as text for people."""
    listed = "\n".join(f"- {text}" for text in remarks(report))
    parts = [f"# {report.name}", choose(report).text, _verdict(report), _table(report), listed, *how(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report):
    if report.passed:
        return "Every file agrees with the Keras model and meets its bar."
    return "\n".join(["Not everything is as it should be:", "", *(f"- {text}" for text in report.problems)])


def _table(report):
    metrics = list(report.files[0].metrics)
    header = ["file", "size", "zipped", "median", "p10 to p90", "memory", "error", *metrics, "checks"]
    rows = [header, ["---", *["---:"] * (len(header) - 2), "---"]]
    rows += [_row(file, metrics) for file in report.files]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(file, metrics):
    times, agreements = file.benchmark, file.verification.agreements
    worst = max((agreement.rms_error for agreement in agreements), default=None)
    return [
        f"`{file.file}`",
        size(file.contents.bytes),
        "–" if file.weights is None else size(file.weights.zip_bytes),
        f"{milliseconds(times.median_ms)} ms",
        f"{milliseconds(times.p10_ms)} to {milliseconds(times.p90_ms)} ms",
        size(times.peak_memory_bytes),
        "not compared" if worst is None else f"{worst:.2g}",
        *(_metric(file, name) for name in metrics),
        "passed" if not file.problems else "**failed**",
    ]


def _metric(file, name):
    change = file.difference[name]
    value = f"{file.metrics[name]:.4f}"
    return value if file.precision == "float32" else f"{value} ({change:+.4f})"


def remarks(report):
    """What stands out, a sentence or two each."""
    refused = [f"`{name}` was not made: {reason}" for name, reason in report.refused.items()]
    return [*report.notes, *slower(report), *_float_parts(report), *_numbers(report), *refused]


def _float_parts(report):
    for file in report.files:
        if file.precision == "int16x8" and file.contents.float_operators:
            names = ", ".join(f"{name} ({n})" for name, n in file.contents.float_operators.items())
            kept = file.quantization is not None and file.quantization.kept_float
            reason = "some were kept so, others" if kept else "there is no int16 kernel"
            yield f"`{file.file}` computes in float in {names}: {reason}{' have no int16 kernel' if kept else ''}."


def _numbers(report):
    for file in report.files:
        yield from (*quantised(file), *compressed(file))


def how(report):
    """How the figures came about, a paragraph each."""
    times = report.files[0].benchmark
    lines = [
        (
            f"Latency: median of {times.runs} runs after {times.warmup} others,"
            f" {_threads(times.threads)} of {times.device}, LiteRT with XNNPACK. Memory: growth of"
            " a fresh process that loads and runs the file. Error: root mean square of the worst"
            " output against the Keras model, in its standard deviations. Zipped: the size under zip's compression,"
            " as in the package of an app."
        ),
    ]
    if report.calibration is not None:
        lines.append(f"Calibration: {report.calibration.samples} samples ({report.calibration.description}).")
    lines.append(", ".join(f"{name} {number}" for name, number in report.environment.items()) + ".")
    return lines


def size(count):
    """Bytes in the unit a person would choose, 1 kB being 1000 bytes."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.2f} MB"


def milliseconds(value):
    """A time with the digits that count."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _threads(count):
    return "1 thread" if count == 1 else f"{count} threads"
