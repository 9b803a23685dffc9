"""What was done to quantise a file, for the report."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Change:
    """A treatment of the weights: the error without and with it, and whether it was kept.

    The errors are root mean squares against the float file on calibration samples, in standard
    deviations of the output, averaged over outputs.
    """

    before: float
    after: float
    kept: bool


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How a file's integers were found.

    `samples` counts the calibration samples, `ranges` says how they made ranges. `kept_float`,
    `kept_int16` and `kept_int8` name the layers that have more bits than the others. `equalization` and `bias_correction` are None where
    they were not tried.
    """

    samples: int
    ranges: str
    kept_float: tuple[str, ...] = ()
    kept_int16: tuple[str, ...] = ()
    kept_int8: tuple[str, ...] = ()
    equalization: Change | None = None
    bias_correction: Change | None = None
