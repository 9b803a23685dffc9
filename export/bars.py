"""How much of a metric a precision may lose against the float32 file."""

import math
from dataclasses import dataclass

from .errors import InvalidInput


@dataclass(frozen=True)
class Bar:
    """The most that a metric may get worse than in the float32 file.

    `tolerance` is in the metric's own unit, or a share of the float32 file's value if `relative`.
    """

    metric: str
    tolerance: float
    relative: bool = False
    higher_is_better: bool = True

    def __post_init__(self):
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise InvalidInput(f"A tolerance must be a number of at least 0, not {self.tolerance!r}.")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A file measured against a bar. `loss` is positive where the file is worse than float32."""

    metric: str
    value: float
    reference: float
    loss: float
    allowed: float
    higher_is_better: bool = True

    @property
    def passed(self):
        # Written so that NaN fails; a last bit of rounding does not.
        return self.loss <= self.allowed + 1e-12

    def __str__(self):
        text = f"{self.metric} {self.value:.6g} against {self.reference:.6g} in float32"
        if self.passed:
            return f"{text}: within {self.allowed:.3g}"
        if not math.isfinite(self.loss):
            return f"{text}: not comparable"
        missed = self.loss - self.allowed
        return f"{text}: worse by {self.loss:.3g}, allowed {self.allowed:.3g}, missed by {missed:.3g}"


def judge(bar, metrics, reference):
    """Compare a file's metrics with the float32 file's.

    Raises:
        InvalidInput: The score has no such metric.
    """
    if bar.metric not in metrics:
        raise InvalidInput(
            f"The bar asks for the metric {bar.metric!r}; the score has {', '.join(metrics) or 'none'}."
        )
    value, best = metrics[bar.metric], reference[bar.metric]
    return Verdict(
        metric=bar.metric,
        value=value,
        reference=best,
        loss=best - value if bar.higher_is_better else value - best,
        allowed=bar.tolerance * abs(best) if bar.relative else bar.tolerance,
        higher_is_better=bar.higher_is_better,
    )
