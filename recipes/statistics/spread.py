"""What several runs of one recipe reached: mean, standard deviation and range."""

import dataclasses
import itertools
import statistics


@dataclasses.dataclass(frozen=True)
class Spread:
    """Values of one metric, one a run.

    `sd` is the sample standard deviation, with n - 1 below the root; None of a single value. Over folds it
    is no estimate of how far the mean would be off, since the folds' training sets overlap (Bengio and
    Grandvalet, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation", 2004).
    """

    values: tuple[float, ...]

    @property
    def mean(self):
        return statistics.fmean(self.values)

    @property
    def sd(self):
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)

    def overlaps(self, other):
        """Whether the ranges of both have a value in common."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self):
        deviation = "" if self.sd is None else f" ± {self.sd:.4f}"
        return f"{self.mean:.4f}{deviation} ({self.low:.4f} to {self.high:.4f})"


def of_runs(scores):
    """A `Spread` for each metric that all of `scores`, a dict a run, have."""
    shared = [name for name in scores[0] if all(name in score for score in scores)]
    return {name: Spread(tuple(float(score[name]) for score in scores)) for name in shared}


def rankings(spreads, metric, higher_is_better):
    """A sentence for each pair of recipes: which is ahead, and whether the runs show that it is better.

    Args:
        spreads: A dict from recipe to the `Spread` of its headline metric.
        metric: Its name.
        higher_is_better: Which way is up.

    Returns:
        `(shown, sentence)` pairs; `shown` is false where the ranges overlap.
    """
    ranked = sorted(spreads, key=lambda name: spreads[name].mean, reverse=higher_is_better)
    return [
        _ranking(better, worse, spreads, metric)
        for better, worse in itertools.combinations(ranked, 2)
        if spreads[better].mean != spreads[worse].mean
    ]


def _ranking(better, worse, spreads, metric):
    first, second = spreads[better], spreads[worse]
    lead = f"{better} is ahead of {worse} by {metric} {abs(first.mean - second.mean):.4f}"
    ranges = f"{first.low:.4f} to {first.high:.4f} and {second.low:.4f} to {second.high:.4f}"
    if first.overlaps(second):
        return False, (
            f"{lead} in the mean, but their ranges overlap ({ranges}): do not call it better. More runs, or "
            "`edgezoo compare RUN RUN`, tell more"
        )
    return True, f"{lead}, and their ranges do not overlap ({ranges})"
