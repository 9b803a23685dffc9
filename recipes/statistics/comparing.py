"""Models and files beside each other, on the same examples of the same test split."""

import dataclasses
import pathlib
from collections.abc import Callable

import msgspec
import numpy as np

from recipes import tasks
from recipes.errors import RecipeError
from recipes.statistics import intervals
from recipes.statistics.spread import Spread


@dataclasses.dataclass(frozen=True)
class Target:
    """A run's model, or a file.

    Attributes:
        path: As the user gave it.
        recipe: The recipe that applies.
        predict: `predict(batch, signature=None)`.
    """

    path: pathlib.Path
    recipe: object
    predict: Callable

    @property
    def kind(self):
        """The file's name; of a run's model, `model`."""
        return self.path.name if self.path.is_file() else "model"


@dataclasses.dataclass(frozen=True)
class Group:
    """One target, or runs of one recipe that differ in their seeds alone.

    Attributes:
        name: What it is called.
        targets: What belongs to it.
        values: The task's measure of every test example, `(targets, n)`.
    """

    name: str
    targets: tuple[Target, ...]
    values: np.ndarray

    @property
    def spread(self):
        """The headline metric of each target, a `Spread`."""
        return Spread(tuple(float(mean) for mean in self.values.mean(1)))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A group less the first one.

    Attributes:
        name: The group's.
        difference: Of the headline metric, an `intervals.Interval`.
        disagreement: Of two single classifiers, an `intervals.Disagreement`; else None.
        better: Whether the difference is an improvement.
        overlap: Of groups of several runs, whether their ranges overlap; else None.
    """

    name: str
    difference: intervals.Interval
    disagreement: intervals.Disagreement | None
    better: bool
    overlap: bool | None

    @property
    def verdict(self):
        """What the interval shows, in words."""
        if not self.difference.shows_a_difference:
            return "no difference shown"
        return "better" if self.better else "worse"


def check(targets):
    """Raise a `RecipeError` unless `targets` are two or more, of one task, data and test split."""
    first = targets[0]
    if len(targets) < 2:
        raise RecipeError(f"{first.path} alone can't be compared: give two runs or files, or more")
    for other in targets[1:]:
        for field in ("task", "data", "features", "evaluation"):
            mine, theirs = getattr(first.recipe, field), getattr(other.recipe, field)
            if mine != theirs:
                raise RecipeError(
                    f"{first.path} and {other.path} were not tested on the same examples in the same way: "
                    f"{_difference(field, mine, theirs)}. Compare what shares data, test split and task"
                )
    task = tasks.get(first.recipe.task)
    if not hasattr(task, "per_example"):
        raise RecipeError(
            f"task={first.recipe.task} has no measure of single examples: its {task.HEADLINE} is one of all "
            "of them together, so nothing can be paired. `edgezoo evaluate RECIPE RECIPE --seeds 0..4` "
            "compares by the spread over seeds"
        )


def grouped(targets, data, progress=None):
    """A `Group` a recipe and kind of file, as given; one a target where a single group would come out.

    Args:
        targets: What `check` let pass.
        data: Their `recipes.data.prepared.Prepared`.
        progress: Called as `progress(stage, done, total)`.
    """
    by_key = {}
    for target in targets:
        by_key.setdefault(_key(target), []).append(target)
    groups = [part for group in by_key.values() for part in _told_apart(group)]
    if len(groups) == 1:
        groups = [[target] for target in targets]
    return [Group(_name(group), tuple(group), _values(group, data, progress)) for group in groups]


def compare(groups, level=0.95):
    """A `Comparison` of each group with the first.

    An example counts by its mean over the runs of a group: the interval says what other test examples
    would have changed, not what other seeds would have; those show in the ranges.

    Args:
        groups: What `grouped` gave.
        level: Of the intervals.
    """
    return [_compared(groups[0], other, level) for other in groups[1:]]


def _compared(first, other, level):
    task = tasks.get(first.targets[0].recipe.task)
    difference = intervals.of_mean(other.values.mean(0) - first.values.mean(0), level)
    single = len(first.targets) == len(other.targets) == 1
    right = first.targets[0].recipe.task == "classification"
    return Comparison(
        name=other.name,
        difference=difference,
        disagreement=intervals.mcnemar(first.values[0] > 0, other.values[0] > 0)
        if single and right
        else None,
        better=(difference.value > 0) == task.HIGHER_IS_BETTER,
        overlap=None if single else first.spread.overlaps(other.spread),
    )


def _values(group, data, progress):
    return np.stack([_of_target(target, data, progress) for target in group])


def _of_target(target, data, progress):
    from recipes.data.feeding import test_batches

    batches = test_batches(target.recipe, data, progress, f"scoring {target.path}")
    context = tasks.Context(target.recipe, data)
    return tasks.get(target.recipe.task).per_example(target.predict, batches, context)


def _key(target):
    recipe = msgspec.structs.replace(target.recipe, seed=0, summary="")
    return msgspec.json.encode(recipe), target.kind


def _told_apart(group):
    """A group whose seeds differ, as one; else each target by itself."""
    seeds = [target.recipe.seed for target in group]
    return [group] if len(set(seeds)) == len(seeds) else [[target] for target in group]


def _name(group):
    if len(group) == 1:
        return str(group[0].path)
    seeds = ", ".join(str(target.recipe.seed) for target in group)
    return f"{group[0].recipe.name} {group[0].kind}, seeds {seeds}"


def _difference(field, mine, theirs):
    """The first value that differs, in words."""
    if not hasattr(mine, "__struct_fields__"):
        return f"{field} is {mine} and {theirs}"
    name = next(n for n in mine.__struct_fields__ if getattr(mine, n) != getattr(theirs, n))
    return f"{field}.{name} is {getattr(mine, name)} and {getattr(theirs, name)}"
