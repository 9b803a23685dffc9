"""When a searched value counts: `optimizer.name==sgd`, `arguments.depth>=2`, several joined by `and`."""

import dataclasses
import operator
import re

from recipes.errors import RecipeError
from recipes.tuning.dimensions import plain

_OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"\s*([\w.]+)\s*(==|!=|>=|<=|>|<)\s*(\S+)\s*")


@dataclasses.dataclass(frozen=True)
class Condition:
    """That the value called `name` compares so with `value`."""

    name: str
    sign: str
    value: object

    def holds(self, found):
        """Whether it does where the value is `found`."""
        try:
            return _OPERATORS[self.sign](found, self.value)
        except TypeError as error:
            raise RecipeError(f"the condition {self}: {found!r} can't be compared so") from error

    def __str__(self):
        return f"{self.name}{self.sign}{self.value}"


def split(text):
    """`(range, conditions)` of the text of a searched value; what stands after ` if ` are conditions.

    Raises:
        RecipeError: A condition is none.
    """
    found, separator, after = text.partition(" if ")
    if not separator:
        return text.strip(), ()
    return found.strip(), tuple(_parse(part, text) for part in after.split(" and "))


def _parse(part, text):
    match = _FORM.fullmatch(part)
    if not match:
        raise RecipeError(
            f"{text!r}: {part.strip()!r} is no condition, such as arguments.depth>=2 or optimizer.name==sgd"
        )
    name, sign, value = match.groups()
    return Condition(name, sign, plain(value))
