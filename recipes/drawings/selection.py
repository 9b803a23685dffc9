"""The pixels that were chosen, and the images that follow from them."""

import numpy as np

from recipes import plots


def chosen(path, mean, pixels):
    """A mark on each chosen pixel of a mean image `(h, w, c)`; `pixels` are rows and columns `(k, 2)`."""
    different = np.unique(pixels, axis=0)
    figure, axis = plots.blank(1, 1, (4.2, 4.4))
    axis.imshow(mean.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.scatter(different[:, 1], different[:, 0], s=1500 / max(mean.shape[:2]), marker="s", color="C1")
    axis.set_title(f"{len(different)} chosen pixels on the mean training image", fontsize=10)
    axis.axis("off")
    plots.save(figure, path)


def rebuilt(path, originals, features, reconstructions):
    """Originals `(n, h, w, c)` above what is known of them, above what was made of it.

    `features` are the chosen places in a flattened image, `(k,)`.
    """
    known = np.zeros((len(originals), originals[0].size), np.float32)
    known[:, features] = originals.reshape(known.shape)[:, features]
    thirds = (originals, known.reshape(originals.shape), reconstructions)
    parts = [slice(i, i + plots.COLUMNS) for i in range(0, len(originals), plots.COLUMNS)]
    rows = np.concatenate([third[part] for part in parts for third in thirds])
    plots.save(plots.grid(rows, "Test images, their chosen pixels, and the reconstructions from those"), path)
