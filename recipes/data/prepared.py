"""Data sets as decoded arrays: prepared once with tensorflow-datasets, then only memory-mapped.

Preparing needs TensorFlow; opening a prepared set needs NumPy alone. A prepared set is a folder under
the cache with `{split}_x.npy`, `{split}_y.npy` and `about.json`, and is written whole or not at all.
"""

import hashlib
import json
import pathlib
from typing import NamedTuple

import msgspec
import numpy as np

from recipes.data import generated
from recipes.data.places import absolute, cache_folder
from recipes.errors import RecipeError

_FORMAT = 3  # of the folder; a change makes every set be prepared anew


class Split(NamedTuple):
    """Examples `x` `(n, height, width, channels)`, or signals `(n, length, channels)`, and their labels `y`.

    Memory-mapped; `y` is `(n,)`, or `(n, height, width)` where each pixel has a class.
    """

    x: np.ndarray
    y: np.ndarray

    def take(self, indices):
        """The examples at `indices`; nothing is copied until a batch is made."""
        return Subset(self, np.asarray(indices))


class Subset(NamedTuple):
    """The examples of a split at some indices."""

    split: Split
    indices: np.ndarray

    def take(self, positions):
        """The examples at `positions` of this subset."""
        return Subset(self.split, self.indices[np.asarray(positions)])

    @property
    def size(self):
        """How many examples these are."""
        return len(self.indices)


class Prepared(NamedTuple):
    """A data set in arrays.

    Attributes:
        name: As the recipe gives it.
        train: Training split, validation included.
        test: Test split, touched once, at the end.
        classes: Names of the classes.
        source: Where it came from: data set and version, splits, front end.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str

    @property
    def shape(self):
        """`(height, width, channels)` of one example, or `(length, channels)` of a signal."""
        return tuple(self.train.x.shape[1:])

    @property
    def per_pixel(self):
        """Whether each pixel has a class, not each example."""
        return self.train.y.ndim > 1


def prepare(name, features, progress=None):
    """The data set `name` in arrays, from the cache where it was prepared before.

    Args:
        name: A data set of tensorflow-datasets, `digits`, one of `generated.SETS`, or `folder:PATH`.
        features: A `recipes.recipe.Features`.
        progress: Called as `progress("preparing NAME", done, total)`.

    Raises:
        RecipeError: The set is unknown, or not there and not to be had; the message says what to do.
    """
    if name.startswith("folder:"):
        name = absolute(name)
    folder = cache_folder() / "prepared" / _key(name, features)
    if not (folder / "about.json").exists():
        from recipes.data.preparing import write

        write(name, features, folder, progress, prepare)
    return _open(folder, name)


def _key(name, features):
    fields = {"format": _FORMAT, "name": name, "features": msgspec.to_builtins(features)}
    for later in ("binarize", "left_out"):  # while feeding, and while choosing what is learnt
        fields["features"].pop(later)
    if name in generated.SETS:
        fields["generated"] = generated.VERSION
    if name.startswith("folder:"):
        fields["files"] = _listing(name.removeprefix("folder:"))
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    label = "folder" if name.startswith("folder:") else name.replace("/", "-")
    return f"{label}-{digest}"


def _listing(path):
    """Names, sizes and times of a folder's files, so that a changed folder is prepared anew."""
    files = sorted(p for p in pathlib.Path(path).rglob("*") if p.is_file())
    return [[str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in files]


def _open(folder, name):
    try:
        about = json.loads((folder / "about.json").read_text())
        train, test = (
            Split(*(np.load(folder / f"{split}_{part}.npy", mmap_mode="r") for part in "xy"))
            for split in ("train", "test")
        )
        return Prepared(name, train, test, tuple(about["classes"]), about["source"])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(
            f"the prepared data in {folder} are damaged ({error}); delete that folder to prepare them anew"
        ) from error
