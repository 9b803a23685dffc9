"""Walks through code space, from one test image to another."""

import numpy as np

from recipes import plots
from recipes.tasks.bounds import given

_ROWS = 10  # of pictures, at most


def first_of_each_class(labels):
    """The first two indices of each class, `(classes, 2)`; where a class has but one, it stands for both."""
    found = [np.flatnonzero(labels == label) for label in np.unique(labels)[:_ROWS]]
    return np.array([(indices[0], indices[min(1, len(indices) - 1)]) for indices in found])


def draw(path, context, model, predict, ends):
    """A row a walk: a test image, pictures of the codes on the way, and the test image at its end.

    `ends` are pairs of indices of the test split, `(rows, 2)`. What has a label keeps that of its first
    image. Codes below the top one follow from those above.
    """
    first, last = (context.images(context.data.test.take(column)) for column in ends.T)
    beside = {"label": first["label"]} if isinstance(first, dict) else {}
    codes = [np.asarray(predict(images, "encode")["mean"]) for images in (first, last)]
    steps = np.linspace(0, 1, plots.COLUMNS - 2)
    noise = np.stack([between(*codes, step) for step in steps], axis=1)  # (rows, steps, code)
    noise = np.pad(noise, ((0, 0), (0, 0), (0, model.noise - noise.shape[-1])))
    beside = {name: np.repeat(values, len(steps)) for name, values in beside.items()}
    asked = given("noise", noise.reshape(-1, noise.shape[-1]).astype(np.float32), beside)
    pictures = np.asarray(predict(asked, "sample"))
    first, last = (images["image"] if isinstance(images, dict) else images for images in (first, last))
    way = pictures.reshape(len(ends), len(steps), *pictures.shape[1:])
    rows = np.concatenate([first[:, None], way, last[:, None]], axis=1)
    title = "From a test image (left) through code space to another (right)"
    plots.save(plots.grid(rows.reshape(-1, *pictures.shape[1:]), title), path)


def between(start, end, share):
    """Codes on the arc from `start` to `end`, both `(n, code)`: spherical linear interpolation.

    Shoemake, "Animating Rotation with Quaternion Curves", 1985, section 3.3, in any number of
    dimensions; the length changes evenly. On a straight line codes would come closer to the origin than
    almost all of what the prior gives.
    """
    lengths = [np.linalg.norm(code, axis=-1, keepdims=True) for code in (start, end)]
    a, b = (code / np.maximum(length, 1e-9) for code, length in zip((start, end), lengths, strict=True))
    angle = np.arccos(np.clip((a * b).sum(-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    straight = sine < 1e-6  # the same direction, or opposite ones
    sine = np.where(straight, 1.0, sine)
    weights = [np.where(straight, part, np.sin(part * angle) / sine) for part in (1 - share, share)]
    length = (1 - share) * lengths[0] + share * lengths[1]
    return length * (weights[0] * a + weights[1] * b)
