"""Several costs as one, so that an oracle of one objective reaches all of a front.

Knowles, "ParEGO: A Hybrid Algorithm With On-Line Landscape Approximation for Expensive Multiobjective
Optimization Problems", IEEE Transactions on Evolutionary Computation 10(1), 2006, section III-B, equation 2
"""

import numpy as np

_RHO = 0.05


def weights(count, seed):
    """Weights `(count,)` that sum to 1, drawn evenly; others for each `seed`, a tuple of integers."""
    return np.random.default_rng(seed).dirichlet(np.ones(count))


def scalarized(costs, shares):
    """The augmented Chebyshev distance of each row of `costs` `(n, count)` from the best, `(n,)`.

    Each cost is brought to [0, 1] over the rows; `shares` `(count,)` are the weights.
    """
    costs = np.asarray(costs, float)
    low, high = costs.min(axis=0), costs.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    weighted = shares * (costs - low) / spread
    return weighted.max(axis=1) + _RHO * weighted.sum(axis=1)
