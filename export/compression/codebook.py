"""Where shared values lie to begin with: centroids of magnitudes.

Han et al., "Deep Compression", 2016, section 3.2, https://arxiv.org/abs/1510.00149
"""

import numpy as np

MOST = 65_536  # magnitudes that centroids are fitted to; evenly spaced quantiles of more

INITS = ("density", "kmeans++", "linear")


def centroids(magnitudes, count, init):
    """At most `count` centroids of magnitudes `(n,)`, in rising order.

    Args:
        magnitudes: Numbers above 0.
        count: How many centroids.
        init: Where they start: "linear", spaced evenly over the range; "density", at quantiles; or
            "kmeans++" (Arthur and Vassilvitskii, 2007), with a fixed seed.
    """
    from sklearn.cluster import KMeans

    values = np.sort(magnitudes)
    if len(values) > MOST:
        values = values[np.linspace(0, len(values) - 1, MOST).astype(int)]
    distinct = np.unique(values)
    if len(distinct) <= count:
        return distinct
    starts = {
        "density": np.quantile(values, (np.arange(count) + 0.5) / count),
        "linear": np.linspace(values[0], values[-1], count),
    }
    start = starts[init][:, None] if init in starts else "k-means++"
    fitted = KMeans(count, init=start, n_init=1, max_iter=100, random_state=0).fit(values[:, None])
    return np.unique(fitted.cluster_centers_)
