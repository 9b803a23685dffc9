"""How much of a score is lost with what is hidden.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 4.2,
https://arxiv.org/abs/1311.2901
"""

import numpy as np

from recipes.explanations import scores

_PARTS = 7  # of the shorter side, one of which is hidden at a time


def occlusion(model, images, classes, window=None, stride=None, fill=None):
    """The mean loss of score over all windows that hide a pixel, `(n, h, w)`; negative where it rose.

    Args:
        model: A Keras classifier of images.
        images: `(n, h, w, c)`, as the model is fed them.
        classes: `(n,)`, the class whose score is explained.
        window: Side of the square that is hidden, in pixels; a seventh of the shorter side by default.
        stride: Pixels from one to the next; half of the window by default.
        fill: What it is filled with; the image's own mean in each channel by default.

    Raises:
        ValueError: The window does not fit into the image.
    """
    images = np.asarray(images, np.float32)
    height, width = images.shape[1:3]
    window = window or max(2, round(min(height, width) / _PARTS))
    if not 0 < window <= min(height, width):
        raise ValueError(
            f"window={window}: give 1 to {min(height, width)} pixels of an image of {height} × {width}"
        )
    places = [(y, x) for y in _starts(height, window, stride) for x in _starts(width, window, stride)]
    return np.stack(
        [
            _of_one(model, image, label, places, window, fill)
            for image, label in zip(images, classes, strict=True)
        ]
    )


def _of_one(model, image, label, places, window, fill):
    hidden = np.repeat(image[None], len(places), axis=0)  # (windows, h, w, c)
    filling = image.mean(axis=(0, 1)) if fill is None else fill
    for one, (y, x) in zip(hidden, places, strict=True):
        one[y : y + window, x : x + window] = filling
    labels = np.full(len(places) + 1, label)
    left = scores.values(model, np.concatenate([image[None], hidden]), labels)
    total, count = np.zeros((2, *image.shape[:2]))
    for loss, (y, x) in zip(left[0] - left[1:], places, strict=True):
        total[y : y + window, x : x + window] += loss
        count[y : y + window, x : x + window] += 1
    return total / np.maximum(count, 1)


def _starts(size, window, stride):
    """Where windows begin along an axis; the last one ends where the axis does."""
    starts = range(0, size - window + 1, stride or max(1, window // 2))
    return sorted({*starts, size - window})
