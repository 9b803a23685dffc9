"""Which file of an export to ship, and why, in a sentence that a person would say."""

from dataclasses import dataclass

SAME = 1.05
"""Up to this ratio two latencies, or two sizes, are called equal."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """`file` is the name of the file to ship, None if none is fit; `text` says why, and when another is."""

    file: str | None
    text: str


def choose(report):
    """The file whose bytes times latency is least, among those that agree with the model and meet their bars.

    Where bars were set, a file without one may lose as much as the most lenient of them lets its file lose.

    Args:
        report: A `Report`.
    """
    verdicts = [file.verdict for file in report.files if file.verdict is not None]
    fit = [file for file in report.files if not file.problems and _good_enough(file, verdicts)]
    if not fit:
        return Choice(file=None, text=f"Ship none of these files: {report.problems[0]}.")
    base = report.file("float32")
    best = min(fit, key=lambda file: file.contents.bytes * file.benchmark.median_ms)
    sentences = [_because(best, base), *_otherwise(best, fit)]
    return Choice(file=best.file, text=" ".join(sentences))


def _good_enough(file, verdicts):
    if not verdicts or file.verdict is not None or file.precision == "float32":
        return True
    bar = max(verdicts, key=lambda verdict: verdict.allowed)
    change = file.difference[bar.metric]
    return (-change if bar.higher_is_better else change) <= bar.allowed


def _because(best, base):
    if best is base:
        return f"Ship `{best.file}`: no other file that is good enough is smaller without being slower."
    parts = [
        _ratio(base.contents.bytes, best.contents.bytes, "smaller", "larger", "as large"),
        _ratio(base.benchmark.median_ms, best.benchmark.median_ms, "faster", "slower", "as fast"),
    ]
    against = f"against `{base.file}` it is {' and '.join(parts)} on this machine"
    return f"Ship `{best.file}`: {against}{_quality(best)}."


def _ratio(base, value, less, more, same):
    ratio = base / value
    if 1 / SAME < ratio < SAME:
        return same
    return f"{max(ratio, 1 / ratio):.1f} times {less if ratio > 1 else more}"


def _quality(file):
    """What the file's metric lost, or its error against the model where there is none."""
    verdict = file.verdict
    if verdict is not None:
        lost = f"{verdict.loss:.2g} worse" if verdict.loss > 0 else "no worse"
        return f", and {verdict.metric} {verdict.value:.4g} is {lost} ({verdict.allowed:.2g} are allowed)"
    errors = [agreement.rms_error for agreement in file.verification.agreements]
    return f", and its outputs are off by {max(errors):.1%} of their standard deviation" if errors else ""


def _otherwise(best, fit):
    smallest = min(fit, key=lambda file: file.contents.bytes)
    fastest = min(fit, key=lambda file: file.benchmark.median_ms)
    if smallest.contents.bytes * SAME < best.contents.bytes:
        share = best.contents.bytes / smallest.contents.bytes
        yield f"Where only size counts, `{smallest.file}` is {share:.1f} times smaller still."
    if fastest.benchmark.median_ms * SAME < best.benchmark.median_ms:
        share = best.benchmark.median_ms / fastest.benchmark.median_ms
        yield f"Where only time counts, `{fastest.file}` is {share:.1f} times faster still."
    integer = next((file for file in fit if file.precision == "int8"), None)
    if integer is not None and best.precision not in ("int8", "int4"):
        yield f"Microcontrollers and integer-only accelerators need `{integer.file}`."
