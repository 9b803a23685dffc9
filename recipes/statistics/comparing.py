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
        values: What the task's `per_example` gave of every test example, `(targets, n, ...)`.
    """

    name: str
    targets: tuple[Target, ...]
    values: np.ndarray

    @property
    def spreads(self):
        """By measure what each target reaches, a `Spread`; the headline is the first."""
        found = self._measures(np.ones((1, self.values.shape[1])))
        return {name: Spread(tuple(map(float, values[:, 0]))) for name, values in found.items()}

    def mean(self, name, counts):
        """A measure of resamples `counts` `(m, n)`, the mean over the targets: `(m,)`."""
        return self._measures(counts)[name].mean(0)

    def _measures(self, counts):
        """By measure `(targets, m)`."""
        recipe = self.targets[0].recipe
        found = [tasks.resampled(recipe, values, counts) for values in self.values]
        return {name: np.stack([measures[name] for measures in found]) for name in found[0]}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A group less the first one.

    Attributes:
        name: The group's.
        difference: Of the headline metric, an `intervals.Interval`.
        beside: The same of what it can be bought with, such as bits, by name.
        disagreement: Of two single classifiers, an `intervals.Disagreement`; else None.
        better: Whether the difference is an improvement.
        overlap: Of groups of several runs, whether their ranges overlap; else None.
    """

    name: str
    difference: intervals.Interval
    beside: dict[str, intervals.Interval]
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
    for other in groups[1:]:
        _check_anomalies(groups[0], other)
    return [Group(_name(group), tuple(group), _values(group, data, progress)) for group in groups]


def compare(groups, level=0.95):
    """A `Comparison` of each group with the first.

    What is compared is the mean over the runs of a group: the interval says what other test examples would
    have changed, not what other seeds would have; those show in the ranges.

    Args:
        groups: What `grouped` gave.
        level: Of the intervals.

    Raises:
        RecipeError: The test split holds too few examples for the metric.
    """
    return [_compared(groups[0], other, level) for other in groups[1:]]


def _compared(first, other, level):
    task = tasks.get(first.targets[0].recipe.task)
    ours, theirs = first.spreads, other.spreads
    found = {name: _interval(first, other, name, level) for name in ours}
    difference = found.pop(task.HEADLINE)
    single = len(first.targets) == len(other.targets) == 1
    right = first.targets[0].recipe.task == "classification"
    return Comparison(
        name=other.name,
        difference=difference,
        beside=found,
        disagreement=intervals.mcnemar(first.values[0] > 0, other.values[0] > 0)
        if single and right
        else None,
        better=(difference.value > 0) == task.HIGHER_IS_BETTER,
        overlap=None if single else ours[task.HEADLINE].overlaps(theirs[task.HEADLINE]),
    )


def _interval(first, other, name, level):
    """The `Interval` of a measure of `other` less that of `first`."""
    if not hasattr(tasks.get(first.targets[0].recipe.task), "resampled"):  # a mean is resampled faster
        return intervals.of_mean(other.values.mean(0) - first.values.mean(0), level)
    count = first.values.shape[1]
    found = intervals.of_statistic(
        lambda counts: other.mean(name, counts) - first.mean(name, counts), count, level
    )
    if not np.isfinite([found.low, found.high]).all():
        raise RecipeError(
            f"{name} has no interval over {count} test examples: they hold so few of a kind that drawing them anew "
            "leaves some draws without it. Compare on a larger test split, or by the spread over seeds: "
            "`edgezoo evaluate RECIPE RECIPE --seeds 0..4`"
        )
    return found


def _check_anomalies(first, other):
    """Raise a `RecipeError` where the class that counts as anomalous follows seeds, and these differ."""
    if first[0].recipe.features.left_out != "seed":
        return
    mine, theirs = (sorted(target.recipe.seed for target in group) for group in (first, other))
    if mine != theirs:
        raise RecipeError(
            f"{_name(first)} and {_name(other)}: with features.left_out=seed each seed has anomalies of its own, so "
            f"seeds {_listed(mine)} and {_listed(theirs)} were not asked the same. Compare runs of the same seeds, or "
            "of one features.left_out=CLASS"
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
    return f"{group[0].recipe.name} {group[0].kind}, seeds {_listed(target.recipe.seed for target in group)}"


def _listed(seeds):
    return ", ".join(map(str, seeds))


def _difference(field, mine, theirs):
    """The first value that differs, in words."""
    if not hasattr(mine, "__struct_fields__"):
        return f"{field} is {mine} and {theirs}"
    name = next(n for n in mine.__struct_fields__ if getattr(mine, n) != getattr(theirs, n))
    return f"{field}.{name} is {getattr(mine, name)} and {getattr(theirs, name)}"
