"""How sure a difference between two models is, from the examples that both were asked about."""

import dataclasses
import warnings

import numpy as np

RESAMPLES = 10_000
_SEED = 0
_AT_ONCE = 2_000_000  # numbers that are drawn in one go


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean with the ends of its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def shows_a_difference(self):
        """Whether 0 lies outside."""
        return not self.low <= 0 <= self.high


def of_mean(differences, level=0.95, resamples=RESAMPLES):
    """The bootstrap interval of the mean of paired differences.

    Pairs are drawn with replacement, so each example keeps what both models made of it; the ends are
    corrected for bias and acceleration (BCa; Efron, "Better Bootstrap Confidence Intervals", 1987), and are
    plain percentiles where that can't be had. The same differences always give the same interval.

    Args:
        differences: `(n,)`, one an example.
        level: Share of such intervals that hold the true mean.
        resamples: How often all examples are drawn anew.

    Returns:
        An `Interval`; both ends are the mean where all differences are equal.
    """
    values = np.asarray(differences, np.float64)
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return Interval(mean, mean, mean)
    return Interval(mean, *_ends(values, np.mean, level, resamples))


def of_statistic(statistic, count, level=0.95, resamples=RESAMPLES):
    """The interval of what is computed from examples together, such as the difference of two models' AUC.

    Drawn and corrected as in `of_mean`.

    Args:
        statistic: From `counts` `(m, count)`, how often each example is in each of m resamples, to `(m,)`.
        count: Examples.
        level: Share of such intervals that hold the true value.
        resamples: How often all examples are drawn anew.

    Returns:
        An `Interval`; its ends are NaN where there are resamples that the statistic is NaN of.
    """

    def of_drawn(drawn, axis=-1):
        rows = drawn.reshape(-1, drawn.shape[-1])
        places = rows + count * np.arange(len(rows))[:, None]
        counts = np.bincount(places.ravel(), minlength=len(rows) * count).reshape(-1, count)
        return statistic(counts.astype(np.float64)).reshape(drawn.shape[:-1])

    value = float(statistic(np.ones((1, count)))[0])
    return Interval(value, *_ends(np.arange(count), of_drawn, level, resamples))


def _ends(examples, statistic, level, resamples):
    """The ends of a bootstrap interval by scipy; plain percentiles where BCa is not defined."""
    from scipy.stats import DegenerateDataWarning, bootstrap

    for method in ("BCa", "percentile"):
        with warnings.catch_warnings():
            for kind in (DegenerateDataWarning, RuntimeWarning):  # percentiles follow
                warnings.simplefilter("ignore", kind)
            low, high = bootstrap(
                (examples,),
                statistic,
                vectorized=True,
                n_resamples=resamples,
                batch=max(1, _AT_ONCE // len(examples)),
                confidence_level=level,
                method=method,
                random_state=np.random.default_rng(_SEED),
            ).confidence_interval
        if np.isfinite([low, high]).all():
            break
    return float(low), float(high)


@dataclasses.dataclass(frozen=True)
class Disagreement:
    """Where one of two classifiers is right and the other is not.

    Attributes:
        first: Examples that only the first has right.
        second: Examples that only the second has right.
        p_value: Of McNemar's exact test: how probable a split at least so uneven is if neither is better.
    """

    first: int
    second: int
    p_value: float


def mcnemar(first, second):
    """The `Disagreement` of two classifiers by whether they have each example right, booleans `(n,)`.

    McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages",
    1947; exact, by the binomial distribution, two-sided.
    """
    from scipy.stats import binomtest

    only_first, only_second = (int(np.sum(a & ~b)) for a, b in ((first, second), (second, first)))
    discordant = only_first + only_second
    p_value = binomtest(only_first, discordant).pvalue if discordant else 1.0
    return Disagreement(only_first, only_second, float(p_value))
