"""Colours of classes, for pictures of masks."""

import colorsys

import numpy as np

_GOLDEN = 0.618034  # steps of this share of the circle keep any number of hues apart


def colours(count):
    """`(count, 3)` uint8: black for class 0, then hues as far apart as they go."""
    hues = [(i * _GOLDEN) % 1 for i in range(count - 1)]
    bright = [colorsys.hsv_to_rgb(hue, 0.75 - 0.3 * (i % 2), 1.0) for i, hue in enumerate(hues)]
    return np.rint(255 * np.array([(0.0, 0.0, 0.0), *bright])).astype(np.uint8)


def coloured(masks, count):
    """Masks `(…)` of class numbers as colours in [0, 1], `(…, 3)` float32."""
    return colours(count)[masks].astype(np.float32) / 255
