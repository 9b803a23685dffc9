"""The range of one searched value, and the text that says it.

| text | values |
| --- | --- |
| `log:1e-4..1e-1` | numbers, spread evenly over the orders of magnitude |
| `float:0..0.5` | numbers, spread evenly |
| `int:8..64:8` | whole numbers with a step, 1 where none is given |
| `logint:8..512` | whole numbers, spread evenly over the orders of magnitude |
| `choice:adam,sgd` | any values, as after `--set` |
"""

import dataclasses
import json
import math

from recipes.errors import RecipeError

KINDS = ("log", "float", "int", "logint", "choice")
_DIGITS = 4  # of a number that is drawn: more say nothing, and numbers travel as float32
_CURVE = 17  # values at which a curve over a range is looked at


@dataclasses.dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool

    def declare(self, container, name):
        """Enter this range into a `keras_tuner.HyperParameters`."""
        container.Float(name, self.low, self.high, sampling="log" if self.log else "linear")

    def decode(self, coded):
        """The value that keras-tuner's `coded` stands for."""
        return min(max(float(f"{coded:.{_DIGITS}g}"), self.low), self.high)

    def encode(self, value):
        """What stands for the value, or for the nearest that is in the range."""
        return min(max(float(value), self.low), self.high)

    def position(self, value):
        """Where on an axis the value lies."""
        return math.log10(self.encode(value)) if self.log else self.encode(value)

    def ends(self):
        """The values whose type and bounds say whether all fit."""
        return [self.low, self.high]

    def curve(self):
        """Values from one end to the other, evenly spaced."""
        shares = [i / (_CURVE - 1) for i in range(_CURVE)]
        if self.log:
            return [self.decode(self.low * (self.high / self.low) ** share) for share in shares]
        return [self.decode(self.low + share * (self.high - self.low)) for share in shares]


@dataclasses.dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to at most `high`, `step` apart, or spread over the orders of magnitude."""

    low: int
    high: int
    step: int
    log: bool

    def declare(self, container, name):
        """Enter this range into a `keras_tuner.HyperParameters`."""
        if self.log:
            container.Int(name, self.low, self.high, sampling="log")
        else:
            container.Int(name, self.low, self.high, step=self.step)

    def decode(self, coded):
        """The value that keras-tuner's `coded` stands for."""
        return self.encode(coded)

    def encode(self, value):
        """The value, or the nearest that is in the range."""
        steps = round((min(max(value, self.low), self.high) - self.low) / self.step)
        return min(self.low + steps * self.step, self.values()[-1])

    def values(self):
        """All there are."""
        return range(self.low, self.high + 1, self.step)

    def position(self, value):
        """Where on an axis the value lies."""
        return math.log10(self.encode(value)) if self.log else float(self.encode(value))

    def ends(self):
        """The values whose type and bounds say whether all fit."""
        return [self.low, self.values()[-1]]

    def curve(self):
        """All values, or some from one end to the other where there are many."""
        if len(self.values()) <= _CURVE:
            return list(self.values())
        shares = [i / (_CURVE - 1) for i in range(_CURVE)]
        if self.log:
            return sorted({self.encode(self.low * (self.high / self.low) ** share) for share in shares})
        return sorted({self.encode(self.low + share * (self.high - self.low)) for share in shares})


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values; numbers in rising order are treated as near to one another."""

    options: tuple

    @property
    def ordered(self):
        """Whether one option lies between others."""
        numbers = all(isinstance(o, int | float) and not isinstance(o, bool) for o in self.options)
        return numbers and list(self.options) == sorted(self.options)

    def declare(self, container, name):
        """Enter the options into a `keras_tuner.HyperParameters`, by number where they are ordered."""
        if self.ordered:
            container.Int(name, 0, len(self.options) - 1)
        else:
            container.Choice(name, [json.dumps(option) for option in self.options], ordered=False)

    def decode(self, coded):
        """The option that keras-tuner's `coded` stands for."""
        return self.options[int(coded)] if self.ordered else json.loads(coded)

    def encode(self, value):
        """What stands for the option `value`, which has to be one of them."""
        place = self.options.index(value)
        return place if self.ordered else json.dumps(self.options[place])

    def values(self):
        """All there are."""
        return self.options

    def position(self, value):
        """Where on an axis the option lies."""
        return float(self.options.index(value))

    def ends(self):
        """The values whose type and bounds say whether all fit."""
        return list(self.options)

    curve = ends


def parse(text):
    """The range that `text` says.

    Raises:
        RecipeError: It says none.
    """
    kind, separator, rest = text.strip().partition(":")
    if not separator or kind not in KINDS:
        from recipes.registry import closest

        raise RecipeError(
            f"{text!r} is no range.{closest(kind, KINDS)} Possible: log:1e-4..1e-1, float:0..0.5, int:8..64:8, "
            "logint:8..512, choice:adam,sgd"
        )
    if kind == "choice":
        return Choice(_options(rest, text))
    numbers, _, step = rest.partition(":")
    low, _, high = numbers.partition("..")
    if kind in ("log", "float"):
        found = Interval(_number(low, float, text), _number(high, float, text), kind == "log")
    else:
        apart = _number(step, int, text) if step else 1
        found = Whole(_number(low, int, text), _number(high, int, text), apart, kind == "logint")
    _check(found, kind, step, text)
    return found


def _check(found, kind, step, text):
    if step and kind != "int":
        raise RecipeError(f"{text!r}: only int has a step, such as int:8..64:8")
    if not found.low < found.high:
        raise RecipeError(f"{text!r}: the first number has to be the smaller one, and there have to be two")
    if found.log and found.low <= 0:
        plain = "float" if kind == "log" else "int"
        raise RecipeError(f"{text!r}: orders of magnitude begin above 0; give a larger number, or {plain}:")
    if kind == "int" and not 1 <= found.step <= found.high - found.low:
        raise RecipeError(f"{text!r}: the step has to be 1 or more, and within the range")


def _number(part, kind, text):
    try:
        number = kind(part)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = "whole numbers" if kind is int else "numbers"
        raise RecipeError(f"{text!r}: {part!r} is none of two {what} with two dots between, such as 8..64")
    return number


def _options(rest, text):
    """The options of a list: split at commas outside brackets, each JSON where it can be, else text."""
    parts, depth = [""], 0
    for sign in rest:
        depth += (sign in "[(") - (sign in "])")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    options = tuple(plain(part.strip()) for part in parts)
    if len(options) < 2 or "" in options:
        raise RecipeError(f"{text!r}: give at least two values with commas between, such as choice:adam,sgd")
    if any(options.count(option) > 1 for option in options):
        raise RecipeError(f"{text!r} names a value twice")
    return options


def plain(part):
    named = {"none": "null", "true": "true", "false": "false"}.get(part.lower(), part)
    try:
        return json.loads(named.replace("(", "[").replace(")", "]"))
    except ValueError:
        return part
