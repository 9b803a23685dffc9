"""Whether an explanation depends on what the model has learnt.

Adebayo et al., "Sanity Checks for Saliency Maps", 2018, section 3.1: the explanation of a model whose weights
are all random must be another one, https://arxiv.org/abs/1810.03292
"""

import contextlib

import keras
import numpy as np

ALIKE = 0.5  # rank correlation with random weights above which a method says little of the model
_SEED = 20181


@contextlib.contextmanager
def randomised(model, seed=0):
    """Within the block the model's weights are those of one that has learnt nothing.

    Kernels are drawn as He et al. (2015) start them; biases are zero; normalisations leave values as they are.

    Args:
        model: A built Keras model.
        seed: Of the draws.
    """
    learnt = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    try:
        for i, variable in enumerate(model.variables):
            if (start := _start(variable, _SEED + 1000 * seed + i)) is not None:
                variable.assign(start)
        yield model
    finally:
        for variable, value in zip(model.variables, learnt, strict=True):
            variable.assign(value)


def rank_correlation(one, other):
    """Spearman's, of the absolute values of two maps; 0 where one of them says nothing.

    Only places that one of the maps marks are ranked: what both leave out, such as the empty margin of a
    digit, would make any two alike.
    """
    from scipy.stats import spearmanr

    one, other = np.abs(np.ravel(one)), np.abs(np.ravel(other))
    marked = (one > 1e-6 * one.max(initial=0)) | (other > 1e-6 * other.max(initial=0))
    one, other = one[marked], other[marked]
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def _start(variable, seed):
    """What a variable is before training; `None` for what is not learnt, such as states of random generators."""
    if len(variable.shape) > 1 and variable.trainable:
        return keras.initializers.HeNormal(seed=seed)(variable.shape, variable.dtype)
    if variable.name in ("moving_variance", "gamma"):
        return np.ones(variable.shape, "float32")
    if variable.trainable or variable.name == "moving_mean":
        return np.zeros(variable.shape, "float32")
    return None
