"""Figures on a canvas, and the class of every pixel: data for segmentation.

A canvas holds one to three figures, scaled and dimmed, none over another, in front of what is no figure
but looks like one: soft clouds, noise and pieces of other figures (as in the cluttered MNIST of Mnih et
al., "Recurrent Models of Visual Attention", 2014, section 4.1, https://arxiv.org/abs/1406.6247).
"""

import math

import numpy as np
from PIL import Image

SCALES = (1.0, 1.5)
MOST = 3  # figures
_INK = 80  # of 255: a pixel that is darker belongs to the background
_DIMMEST = 0.6
_CLOUDS, _NOISE = 90, 12  # greatest brightness; deviation
_PIECE = 8 / 28  # of a figure's side
_PIECES = 5  # on a canvas
_TRIES = 20  # at a free place for a figure
_TOLD_EVERY = 256


def draw(figures, count, size, rng, tell=lambda done, total: None):
    """`count` canvases.

    Args:
        figures: A `recipes.data.prepared.Split` of uint8 images `(n, h, w, 1)` with one figure each.
        count: Canvases.
        size: `(height, width)` of a canvas.
        rng: A NumPy generator, the only source of chance.
        tell: Called as `tell(done, count)`.

    Returns:
        `(x, y)`: uint8 `(count, *size, 1)`, and uint8 `(count, *size)` with 0 for the background and
        `class + 1` for a pixel of a figure.
    """
    x, y = np.empty((count, *size, 1), np.uint8), np.empty((count, *size), np.uint8)
    for i in range(count):
        x[i, ..., 0], y[i] = _canvas(figures, size, rng)
        if (i + 1) % _TOLD_EVERY == 0 or i + 1 == count:
            tell(i + 1, count)
    return x, y


def largest_figure(size):
    """Height and width of the largest figure that is drawn of images of `size`."""
    return tuple(math.ceil(side * SCALES[1]) for side in size)


def _canvas(figures, size, rng):
    canvas, mask = _background(size, rng), np.zeros(size, np.uint8)
    for _ in range(_PIECES):
        piece = _piece(figures, rng)
        _paste(canvas, piece, _place(piece.shape, size, rng), rng)
    for _ in range(rng.integers(1, MOST + 1)):
        figure, label = _figure(figures, rng)
        for _ in range(_TRIES):
            place = _place(figure.shape, size, rng)
            if not mask[_surroundings(place)].any():
                _paste(canvas, figure, place, rng)
                mask[place][figure >= _INK] = label + 1
                break
    return canvas, mask


def _background(size, rng):
    coarse = rng.integers(0, rng.integers(1, _CLOUDS), [-(-side // 8) + 1 for side in size], np.uint8)
    noise = rng.normal(0, _NOISE, size)
    return np.clip(_resized(coarse, size) + noise, 0, 255).astype(np.uint8)


def _figure(figures, rng):
    """A figure cropped to its ink and scaled, and its label."""
    i = rng.integers(len(figures.y))
    ink = cropped(figures.x[i, ..., 0])
    scale = rng.uniform(*SCALES)
    return _resized(ink, [max(1, round(side * scale)) for side in ink.shape]), int(figures.y[i])


def _piece(figures, rng):
    """A square piece of a figure."""
    ink = cropped(figures.x[rng.integers(len(figures.x)), ..., 0])
    side = max(2, round(figures.x.shape[1] * _PIECE))
    top, left = (rng.integers(max(1, length - side + 1)) for length in ink.shape)
    return ink[top : top + side, left : left + side]


def cropped(image):
    """An image `(h, w)` without its empty borders; one that is all empty stays whole."""
    rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
    if not len(rows):
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _place(shape, size, rng):
    """Two slices of `shape` that lie within a canvas of `size`."""
    corner = [rng.integers(length - side + 1) for length, side in zip(size, shape, strict=True)]
    return tuple(slice(at, at + side) for at, side in zip(corner, shape, strict=True))


def _surroundings(place):
    """`place` and a pixel around it."""
    return tuple(slice(max(0, part.start - 1), part.stop + 1) for part in place)


def _paste(canvas, figure, place, rng):
    dimmed = np.rint(figure * rng.uniform(_DIMMEST, 1)).astype(np.uint8)
    canvas[place] = np.maximum(canvas[place], dimmed)


def _resized(image, size):
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
