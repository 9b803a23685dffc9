"""What arrays have to be before a model learns them; the first example that is not is named."""

import numpy as np

from recipes.errors import RecipeError

_CHUNK = 1024  # examples looked at together


def check(x, y, classes, name, split):
    """Raise a `RecipeError` that names the first example of a split that no model can learn.

    Args:
        x: Examples `(n, ...)`: bytes, or numbers, which have to be finite.
        y: Labels `(n,)`, or `(n, height, width)` where each pixel has one, from 0 up to `classes`.
        classes: Names of the classes.
        name: The data set's.
        split: `train` or `test`.
    """
    check_labels(x, y, classes, name, split)
    check_finite(x, name, split)


def check_labels(x, y, classes, name, split):
    """Raise a `RecipeError` where there is no example, one has no label, or a label is of no class."""
    if len(y) == 0:
        raise RecipeError(f"data set {name!r} has no examples in its {split} split")
    if len(x) != len(y):
        raise RecipeError(f"data set {name!r} has {len(x)} examples and {len(y)} labels in its {split} split")
    lowest, highest = np.min(y), np.max(y)
    if lowest < 0 or highest >= len(classes):
        wrong = (np.asarray(y) < 0) | (np.asarray(y) >= len(classes))
        first = int(np.flatnonzero(wrong.reshape(len(y), -1).any(1))[0])
        label = np.asarray(y[first])[wrong[first]].flat[0]
        raise RecipeError(
            f"data set {name!r}: example {first} of its {split} split has the label {label}, and its "
            f"{len(classes)} classes are numbered from 0 to {len(classes) - 1}"
        )


def check_finite(x, name, split):
    """Raise a `RecipeError` where a value is NaN or infinite; bytes are not looked at."""
    if not np.issubdtype(x.dtype, np.floating):
        return
    for start in range(0, len(x), _CHUNK):
        finite = np.isfinite(x[start : start + _CHUNK])
        if finite.all():
            continue
        first = int(np.flatnonzero(~finite.reshape(len(finite), -1).all(1))[0])
        value = x[start + first][~finite[first]].flat[0]
        raise RecipeError(
            f"data set {name!r}: example {start + first} of its {split} split holds {value}, which is no number "
            "a model can learn from"
        )


def check_arrays(data):
    """Check a `Prepared` that was not prepared here: splits of one shape, their labels, and values in memory.

    Values of files were checked when they were written, once.
    """
    for split in ("train", "test"):
        x, y = getattr(data, split)
        if x.shape[1:] != data.shape:
            raise RecipeError(
                f"data set {data.name!r}: example 0 of its {split} split has the shape {x.shape[1:]}, and those of "
                f"its train split {data.shape}"
            )
        check_labels(x, y, data.classes, data.name, split)
        if not isinstance(x, np.memmap):
            check_finite(x, data.name, split)
