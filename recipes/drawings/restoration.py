"""What restored pictures are looked at by: rows of what was made of them, and enlarged details."""

import numpy as np

from recipes import plots
from recipes.tasks.similarity import psnr

SHOWN = 6  # pictures of a column of `compared`
DETAILS = 4  # rows of `details`
_SIDE = 40  # pixels of a detail, at most
_GAP = 1  # pixel of white between two pictures


def compared(path, columns):
    """Rows of pictures `(n, h, w, c)`: `columns` holds by title, and in it by label, one row of them."""
    first = next(iter(columns.values()))
    count, height, width = next(iter(first.values())).shape[:3]
    size = (2.6 * len(columns) + 0.6, (2.6 * height / width / count + 0.1) * len(first) + 0.4)
    figure, axes = plots.blank(len(first), len(columns), size)
    axes = np.reshape(axes, (len(first), len(columns)))
    for (title, rows), column in zip(columns.items(), axes.T, strict=True):
        for pictures, axis in zip(rows.values(), column, strict=True):
            _show(axis, _strip(pictures))
        column[0].set_title(title.capitalize(), fontsize=9)
    for label, axis in zip(first, axes[:, 0], strict=True):
        axis.set_ylabel(label.capitalize(), rotation=0, ha="right", va="center", fontsize=8)
    plots.save(figure, path)


def details(path, versions):
    """The liveliest square of each picture, enlarged: a row a picture, a column a version of it.

    `versions` holds pictures `(n, h, w, c)` by title; the first are the originals, and each of the others
    is marked with its PSNR over the whole picture.
    """
    originals = next(iter(versions.values()))
    side = min(_SIDE, *originals.shape[1:3])
    figure, axes = plots.blank(len(originals), len(versions), (2.4 * len(versions), 2.5 * len(originals)))
    for i, row in enumerate(np.reshape(axes, (len(originals), len(versions)))):
        place = liveliest(originals[i], side)
        for (title, pictures), axis in zip(versions.items(), row, strict=True):
            _show(axis, pictures[i][place])
            ratio = psnr(originals[i : i + 1], pictures[i : i + 1])[0]
            marks = "" if pictures is originals else f", {ratio:.2f} dB"
            axis.set_title(f"{title.capitalize()}{marks}", fontsize=8)
    plots.save(figure, path)


def liveliest(image, side):
    """Two slices of the square of `side` pixels with the largest variance, in steps of half of it."""
    step = max(1, side // 2)
    corners = [
        (y, x)
        for y in range(0, image.shape[0] - side + 1, step)
        for x in range(0, image.shape[1] - side + 1, step)
    ]
    squares = [(slice(y, y + side), slice(x, x + side)) for y, x in corners]
    return max(squares, key=lambda square: image[square].var())


def _strip(pictures):
    """Pictures `(n, h, w, c)` side by side, `(h, n w + gaps, c)`."""
    room = ((0, 0), (0, 0), (0, _GAP), (0, 0))
    return np.concatenate(np.pad(np.clip(pictures, 0, 1), room, constant_values=1), axis=1)[:, :-_GAP]


def _show(axis, picture):
    axis.imshow(np.clip(picture, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xticks=(), yticks=())
    for side in axis.spines.values():
        side.set_visible(False)
