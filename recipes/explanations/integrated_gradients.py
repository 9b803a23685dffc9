"""Gradients along the way from an image without content to the image.

Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", 2017, section 3,
https://arxiv.org/abs/1703.01365
"""

from typing import NamedTuple

import numpy as np

from recipes.explanations import scores
from recipes.explanations.saliency import gradient

_FIRST, _BATCH = 32, 128


class Integrated(NamedTuple):
    """What each value of the images adds to the score.

    Attributes:
        attributions: `(n, h, w, c)`; their sum is the score of the image less that of the baseline.
        gaps: `(n,)`, how far the sum is from that, as a share of that or, where it is below 1, of 1.
        steps: `(n,)`, points on the way.
    """

    attributions: np.ndarray
    gaps: np.ndarray
    steps: np.ndarray


def integrated_gradients(model, images, classes, baseline=0.0, tolerance=0.01, most=1024):
    """What each value adds to the score, equation 1, by the midpoint rule.

    The axiom of completeness is checked: the points are doubled until the sum is as it must be.

    Args:
        model: A Keras classifier of images.
        images: `(n, h, w, c)`, as the model is fed them.
        classes: `(n,)`, the class whose score is explained.
        baseline: The image without content: a number, or an array that broadcasts to `images`.
        tolerance: Largest gap at which no more points are taken.
        most: Points at which none are added whatever the gap.
    """
    images = np.asarray(images, np.float32)
    empty = np.broadcast_to(np.asarray(baseline, np.float32), images.shape)
    classes = np.asarray(classes)
    gained = scores.values(model, images, classes) - scores.values(model, empty, classes)
    found = [
        _of_one(model, *one, tolerance, most) for one in zip(images, empty, classes, gained, strict=True)
    ]
    return Integrated(*(np.stack(part) for part in zip(*found, strict=True)))


def _of_one(model, image, empty, label, gained, tolerance, most):
    steps = min(_FIRST, most)
    while True:
        attributions = (image - empty) * _mean_gradient(model, image, empty, label, steps)
        gap = abs(float(attributions.sum(dtype=np.float64)) - float(gained)) / max(abs(float(gained)), 1.0)
        if gap <= tolerance or steps >= most:
            return attributions, gap, steps
        steps = min(2 * steps, most)


def _mean_gradient(model, image, empty, label, steps):
    """The mean of the gradients at `steps` points between `empty` and `image`, `(h, w, c)`."""
    shares = ((np.arange(steps) + 0.5) / steps).astype(np.float32)
    total = np.zeros(image.shape, np.float64)
    for i in range(0, steps, _BATCH):
        share = shares[i : i + _BATCH, None, None, None]
        points = empty + share * (image - empty)  # (points, h, w, c)
        total += gradient(model, points, np.full(len(points), label)).sum(axis=0, dtype=np.float64)
    return (total / steps).astype(np.float32)
