"""What logits are divided by so that probabilities become honest (Guo et al., 2017, section 4.2)."""

import math

import numpy as np

from recipes.errors import RecipeError
from recipes.statistics.reliability import cross_entropy

_WIDEST = 1000.0  # either way, as a factor


def fit(logits, labels):
    """The temperature with the least cross-entropy; greater than 1 for a model that is too sure.

    The cross-entropy is convex in its reciprocal, so what is found is the only minimum.

    Args:
        logits: Of held-out examples, `(n, classes)`.
        labels: Their classes, `(n,)`.

    Raises:
        RecipeError: Every example is classified correctly, or none better than by chance: no temperature is
            best.
    """
    from scipy.optimize import minimize_scalar

    if (np.asarray(logits).argmax(-1) == labels).all():
        raise RecipeError(
            f"all {len(labels)} validation examples are classified correctly: the surer the better, and no "
            "temperature is best. Train with more held back, such as --set validation=0.3"
        )
    ends = (-math.log(_WIDEST), math.log(_WIDEST))
    found = minimize_scalar(
        lambda power: cross_entropy(logits, labels, math.exp(power)),
        bounds=ends,
        method="bounded",
        options={"xatol": 1e-6},
    )
    if ends[1] - abs(found.x) < 1e-3:
        raise RecipeError(
            "the model's outputs say nothing about the validation examples' classes: there is no temperature "
            "to fit. Train longer, or with another optimizer.learning_rate"
        )
    return math.exp(found.x)
