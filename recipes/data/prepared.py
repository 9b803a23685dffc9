"""Data sets as decoded arrays: prepared once with tensorflow-datasets, then only memory-mapped.

Preparing needs TensorFlow; opening a prepared set needs NumPy alone. A prepared set is a folder under
the cache with `{split}_x.npy`, `{split}_y.npy` and `about.json`, and is written whole or not at all.
"""

import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from typing import NamedTuple

import msgspec
import numpy as np

from recipes.data import folds, generated
from recipes.data.places import absolute, cache_folder
from recipes.errors import RecipeError, TrainingError

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
    place = folder(name, features)
    if not (place / "about.json").exists():
        _write(name, features, place, progress)
    return folds.cut(_open(place, name), features)


def folder(name, features):
    """Where the arrays of a data set are, or will be: in `cache_folder()`, by name and features."""
    return _folder(cache_folder(), absolute(name) if name.startswith("folder:") else name, features)


def carry(name, features, out):
    """Copy the arrays of a prepared set into the folder `out`, which another machine takes as `$EDGEZOO_CACHE`.

    Returns:
        The copy's own folder; it appears whole or not at all, and is left alone where it is there.

    Raises:
        TrainingError: It could not be written.
    """
    place = folder(name, features)
    copy = pathlib.Path(out) / "prepared" / place.name
    if copy.exists():
        return copy
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".preparing-", dir=copy.parent) as scratch:
            whole = pathlib.Path(scratch) / place.name
            shutil.copytree(place, whole)
            os.replace(whole, copy)
    except OSError as error:
        raise TrainingError(f"could not write the prepared data to {copy}: {error}") from error
    return copy


def _folder(cache, name, features):
    return cache / "prepared" / _key(name, features)


def _write(name, features, place, progress):
    """Prepare a set, on a machine that can."""
    from recipes.data.preparing import write

    try:
        write(name, features, place, progress, prepare)
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("tensorflow", "tensorflow_datasets"):
            raise
        raise RecipeError(
            f"data set {name!r} is not prepared in {place.parent}, and preparing it needs {package}, which is not "
            f"here. Where it is: `edgezoo prepare {_asked(name, features)} --out FOLDER`; bring FOLDER here and "
            "set EDGEZOO_CACHE=FOLDER"
        ) from error


def _asked(name, features):
    """The arguments of `edgezoo prepare` for a set with these features."""
    values = msgspec.to_builtins(features)
    plain = msgspec.to_builtins(type(features)())
    return " ".join(
        [name, *(f"--set features.{key}={_text(values[key])}" for key in values if values[key] != plain[key])]
    )


def _text(value):
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _key(name, features):
    fields = {"format": _FORMAT, "name": name, "features": msgspec.to_builtins(features)}
    for later in ("binarize", "left_out", "folds", "fold"):  # while feeding, and choosing what is learnt
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
