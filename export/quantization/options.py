"""How a float32 file is quantised, beyond its precision."""

import math
from dataclasses import dataclass, replace

from ..errors import InvalidInput

RANGES = ("min_max", "moving_average", "percentile")
CHOICES = ("auto", "always", "never")


@dataclass(frozen=True, kw_only=True)
class QuantizationOptions:
    """The choices of post-training quantisation.

    Attributes:
        samples: How many of the calibration samples count, the first ones; None for all.
        ranges: How the range of an activation is found. `min_max` spans all samples,
            `moving_average` follows the minima and maxima of single samples, `percentile` leaves out
            the outermost values.
        momentum: Of the moving average: the share of the old value, in [0, 1).
        percentile: The share of values, in percent, that lies below the upper end of a range; as many
            lie above the lower end.
        equalize: Whether the weights of consecutive layers are brought to equal ranges; see
            `equalization`. `auto` keeps it where the error on the calibration samples falls.
        correct_bias: Whether biases make up for the mean error of rounded weights; see
            `bias_correction`. `auto` as above; None is `auto` for `int4` and `never` for the others.
        keep_float: Layers, as names or patterns, that compute in float.
        keep_int16: Layers that compute in int16 inside an int8 or int4 file.
        keep_int8: Layers whose weights have 8 bits in an int4 file.
    """

    samples: int | None = None
    ranges: str = "min_max"
    momentum: float = 0.9
    percentile: float = 99.99
    equalize: str = "never"
    correct_bias: str | None = None
    keep_float: tuple[str, ...] = ()
    keep_int16: tuple[str, ...] = ()
    keep_int8: tuple[str, ...] = ()

    def __post_init__(self):
        _choose("ranges", self.ranges, RANGES)
        _choose("equalize", self.equalize, CHOICES)
        _choose("correct_bias", self.correct_bias, (*CHOICES, None))
        if self.samples is not None and (type(self.samples) is not int or self.samples < 1):
            raise InvalidInput(f"samples must be a positive integer or None, not {self.samples!r}.")
        _within("momentum", self.momentum, 0 <= self.momentum < 1, "at least 0 and below 1")
        _within("percentile", self.percentile, 50 < self.percentile <= 100, "above 50 and at most 100")
        for field in ("keep_float", "keep_int16", "keep_int8"):
            object.__setattr__(self, field, _names(field, getattr(self, field)))

    def keeping(self, names):
        """These options with more layers in float."""
        more = _names("keep_float", names)
        return replace(self, keep_float=tuple(dict.fromkeys((*self.keep_float, *more))))

    def for_precision(self, precision):
        """These options with `correct_bias` decided."""
        if self.correct_bias is not None:
            return self
        return replace(self, correct_bias="auto" if precision == "int4" else "never")


def _choose(name, value, possible):
    if value not in possible:
        words = ", ".join(word for word in possible if word is not None)
        raise InvalidInput(f"{name} must be one of {words}, not {value!r}.")


def _within(name, value, fits, words):
    if not (math.isfinite(value) and fits):
        raise InvalidInput(f"{name} must be {words}, not {value!r}.")


def _names(field, given):
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if not isinstance(name, str) or not name:
            raise InvalidInput(f"{field} takes names of layers or patterns such as 'block1_*', not {name!r}.")
    return names
