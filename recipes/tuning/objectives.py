"""What a search is after: the task's headline on the validation split, and what the int8 file takes."""

import dataclasses
import math

from recipes.errors import RecipeError
from recipes.registry import closest

OF_FILES = {
    "int8_bytes": "size of the int8 file",
    "latency_ms": "its median latency",
    "arena_bytes": "its arena",
}
"""Measures of the int8 file that a trial's model becomes; less is better."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """One measure of a trial.

    Attributes:
        name: The task's headline, or one of `OF_FILES`.
        higher_is_better: Its direction.
    """

    name: str
    higher_is_better: bool = False

    def better(self, one, other):
        """Whether the value `one` is better than `other`."""
        return one > other if self.higher_is_better else one < other

    def cost(self, value):
        """What a search makes small: bytes and milliseconds count by their order of magnitude."""
        if self.name in OF_FILES:
            return math.log(max(value, 1e-9))
        return -value if self.higher_is_better else value

    def gain(self, value, reference):
        """By how much `value` is better than `reference`, in the measure's own units."""
        return value - reference if self.higher_is_better else reference - value

    def text(self, value):
        """The value as people read it."""
        if self.name.endswith("_bytes"):
            return f"{value:,.0f}"
        return f"{value:.3f}" if self.name == "latency_ms" else f"{value:.4f}"


def get(task, names=()):
    """The objectives called `names`; the headline of the task alone by default.

    Args:
        task: Name of the recipe's task.
        names: Names, the most important first.

    Raises:
        RecipeError: There is no such objective, or it is named twice.
    """
    from recipes import tasks

    module = tasks.get(task)
    possible = {module.HEADLINE: module.HIGHER_IS_BETTER, **dict.fromkeys(OF_FILES, False)}
    for name in names:
        if name not in possible:
            raise RecipeError(
                f"there is no objective {name!r} for task={task}.{closest(name, possible)} Possible: "
                f"{', '.join(possible)}"
            )
    if len(set(names)) < len(names):
        raise RecipeError(f"an objective is named twice: {', '.join(names)}")
    return tuple(Objective(name, possible[name]) for name in names or (module.HEADLINE,))
