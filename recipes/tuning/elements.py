"""Elements of lists as values of their own, such as the width of the third layer."""

import re

from recipes import registry
from recipes.errors import RecipeError
from recipes.tuning.conditions import Condition

_FORM = re.compile(r"(.+)\.(\d+|length)")


def is_one(name):
    """Whether `name` means an element of a list, or how many there are."""
    return _FORM.fullmatch(name) is not None


def condition(name, names):
    """The condition under which an element is there, where the list's length is searched; else none."""
    whole, part = _FORM.fullmatch(name).groups() if is_one(name) else ("", "length")
    length = f"{whole}.length"
    return () if part == "length" or length not in names else (Condition(length, ">", int(part)),)


def check(base, name):
    """Raise a `RecipeError` unless `name` means a part of a list of the recipe."""
    whole, part = _FORM.fullmatch(name).groups()
    found = registry.value_of(base, whole)
    if not isinstance(found, list):
        raise RecipeError(f"{whole} is {found!r}, no list: it has no {part}")


def own(base, name, names):
    """The recipe's own element, or length; the last there is of an element beyond the end.

    Raises:
        RecipeError: The element is beyond the end, and the list's length is not searched.
    """
    whole, part = _FORM.fullmatch(name).groups()
    found = registry.value_of(base, whole)
    if part == "length":
        return len(found)
    if int(part) >= len(found) and f"{whole}.length" not in names:
        raise RecipeError(
            f"{whole} is {found!r}, so there is no element {part}; search {whole}.length too, such as "
            f"--space {whole}.length=int:1..{int(part) + 1}"
        )
    if not found:
        raise RecipeError(f"{whole} is empty; give it an element with --set {whole}=…")
    return found[min(int(part), len(found) - 1)]


def lists(base, values):
    """The lists that `values` by name make of those of the recipe.

    Raises:
        RecipeError: A list is to be longer than it has elements.
    """
    made = {}
    for whole in dict.fromkeys(_FORM.fullmatch(name)[1] for name in values if is_one(name)):
        found = registry.value_of(base, whole)
        length = values.get(f"{whole}.length", len(found))
        given = {i: values.get(f"{whole}.{i}", found[i] if i < len(found) else None) for i in range(length)}
        missing = [i for i, value in given.items() if value is None]
        if missing:
            raise RecipeError(
                f"{whole} of length {length} has no element {missing[0]}: search {whole}.{missing[0]} too"
            )
        made[whole] = list(given.values())
    return made
