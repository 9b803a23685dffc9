"""Sets of classes that hold the true one with a stated probability: split conformal prediction.

The probability is one over held-out and new examples that come from the same source in no particular order;
nothing is asked of the model. Two ways to score how little a class fits:

- `lac`: one less its probability, which gives the smallest sets on average, some of them empty (Sadinle, Lei
  and Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", 2019,
  https://arxiv.org/abs/1609.00451);
- `aps`: the probability of all classes that are likelier, so that sets grow until they hold enough of it;
  never empty (Romano, Sesia and Candès, "Classification with Valid and Adaptive Coverage", 2020,
  https://arxiv.org/abs/2006.02544, equations 3 to 5 without the random number u: a set holds the class that
  reaches the level, and its coverage is at least, not exactly, the stated one).
"""

import math

import numpy as np

from recipes.errors import RecipeError

METHODS = ("lac", "aps")
_ROUNDING = 1e-9


def scores(probabilities, method):
    """How little each class fits, `(n, classes)`, from probabilities `(n, classes)`.

    Raises:
        RecipeError: There is no such method.
    """
    if method not in METHODS:
        raise RecipeError(f"there are no sets {method!r}. Possible: {', '.join(METHODS)}")
    return 1 - probabilities if method == "lac" else _likelier(probabilities)


def _likelier(probabilities):
    """The summed probability of the classes that are likelier; equal ones get the same."""
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=-1)
    before = np.cumsum(ranked, axis=-1) - ranked
    before[:, 0] = 0
    new = np.concatenate([np.ones((len(ranked), 1), bool), ranked[:, 1:] < ranked[:, :-1]], axis=-1)
    first = np.maximum.accumulate(np.where(new, np.arange(ranked.shape[1]), 0), axis=-1)
    found = np.empty_like(probabilities)
    np.put_along_axis(found, order, np.take_along_axis(before, first, axis=-1), axis=-1)
    return found


def rank(count, coverage):
    """Which of `count` held-out scores, rising and from 1 on, is the quantile: ⌈(n + 1) coverage⌉.

    Raises:
        RecipeError: There are too few for that coverage.
    """
    found = math.ceil((count + 1) * coverage - _ROUNDING)
    if found > count:
        least = math.ceil(coverage / (1 - coverage) - _ROUNDING)
        raise RecipeError(
            f"coverage {coverage:g} needs at least {least:,} held-out examples, and the validation split has "
            f"{count:,}: ask for at most {count / (count + 1):.4g}, or train with more held back (--set "
            "validation=0.3)"
        )
    return found


def quantile(probabilities, labels, coverage, method):
    """The score that classes in a set have at most.

    Args:
        probabilities: Of held-out examples, `(n, classes)`.
        labels: Their classes, `(n,)`.
        coverage, method: See `rank` and `scores`.
    """
    own = np.take_along_axis(scores(probabilities, method), np.asarray(labels)[:, None], axis=-1)[:, 0]
    return float(np.partition(own, k := rank(len(own), coverage) - 1)[k])


def sets(probabilities, method, limit):
    """Which classes are in the set of each example, booleans `(n, classes)`; `limit` is the quantile."""
    return scores(probabilities, method) <= limit


def measured(chosen, labels):
    """`coverage`, the share of sets with the true class, their mean `set_size`, the share of `empty` ones."""
    sizes = chosen.sum(-1)
    return {
        "coverage": float(chosen[np.arange(len(labels)), labels].mean()),
        "set_size": float(sizes.mean()),
        "empty": float((sizes == 0).mean()),
    }


def expected_range(held_out, tested, coverage, level=0.95):
    """Where the coverage of a test split lies with probability `level`, for scores without ties.

    Args:
        held_out: Examples that the quantile was found on.
        tested: Examples of the test split.
        coverage: What was asked for.
        level: Of the range.

    Returns:
        `(low, high)`, quantiles of a beta-binomial distribution (Vovk, "Conditional Validity of Inductive
        Conformal Predictors", 2012, proposition 2a gives its beta part).
    """
    from scipy.stats import betabinom

    place = rank(held_out, coverage)
    ends = betabinom(tested, place, held_out + 1 - place).interval(level)
    return tuple(float(end / tested) for end in ends)
