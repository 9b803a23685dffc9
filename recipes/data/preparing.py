"""From tensorflow-datasets to arrays on disk."""

import contextlib
import json
import math
import os
import pathlib
import shutil
import tempfile
import time

import numpy as np

from recipes.data import folders, speech, tfds_sets
from recipes.errors import RecipeError, TrainingError

_ABANDONED = 24 * 3600  # seconds
_TEST_SHARE = 0.2  # of a set that has no test split of its own
_RANDOM_SIZE = (96, 96)  # for sets whose images differ in size, where the recipe gives no image_size


def write(name, features, destination, progress=None):
    """Prepare `name` into the folder `destination`, which appears whole or not at all."""
    scratch = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(destination.parent)
        scratch = pathlib.Path(tempfile.mkdtemp(prefix=".preparing-", dir=destination.parent))
        with tempfile.TemporaryDirectory(prefix="edgezoo-") as links:
            loaded = folders.load(name, links) if name.startswith("folder:") else tfds_sets.load(name)
            _write(loaded, name, features, scratch, progress)
        if not destination.exists():
            os.replace(scratch, destination)
    except OSError as error:
        raise TrainingError(f"could not write the prepared data to {destination.parent}: {error}") from error
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def _remove_abandoned(folder):
    """Delete what a process that was killed while preparing left, once it is a day old."""
    for left in folder.glob(".preparing-*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def _write(loaded, name, features, scratch, progress):
    if loaded.kind == "audio":
        x, y, groups = speech.arrays(loaded, features, progress)
        train, test = _split_by_group(name, y, groups, features)
        parts = {"train": (x[train], y[train]), "test": (x[test], y[test])}
    else:
        if features.front_end != "none":
            raise RecipeError(f"features.front_end={features.front_end} is for audio; {name!r} holds images")
        parts = _images(loaded, features, scratch, progress)
    for split, (x, y) in parts.items():
        if not isinstance(x, np.memmap):
            np.save(scratch / f"{split}_x.npy", x)
        np.save(scratch / f"{split}_y.npy", y)
        if len(y) == 0:
            raise RecipeError(f"data set {name!r} has no examples in its {split} split")
    about = {"classes": loaded.classes, "source": loaded.source}
    (scratch / "about.json").write_text(json.dumps(about, indent=1))


def _images(loaded, features, scratch, progress):
    size = features.image_size or loaded.size or _RANDOM_SIZE
    if "test" in loaded.splits:
        return {s: _decode(loaded, s, s, size, scratch, progress) for s in ("train", "test")}
    x, y = _decode(loaded, "train", "all", size, scratch, progress)
    train, test = stratified(y, _TEST_SHARE, seed=0)
    parts = {"train": (np.array(x[train]), y[train]), "test": (np.array(x[test]), y[test])}
    os.unlink(x.filename)
    return parts


def _decode(loaded, split, label, size, scratch, progress):
    """One split's images, resized to `size`, written as they come, and its labels."""
    total = loaded.splits[split]
    x = np.lib.format.open_memmap(
        scratch / f"{label}_x.npy", mode="w+", dtype=np.uint8, shape=(total, *size, loaded.channels)
    )
    y = np.empty(total, np.int32)
    done = 0
    for images, labels in loaded.batches(split, size):
        x[done : done + len(labels)], y[done : done + len(labels)] = images, labels
        done += len(labels)
        if progress:
            progress(f"preparing {loaded.name} ({split})", done, total)
    x.flush()
    return x, y


def stratified(y, share, seed):
    """Indices of a split that keeps the classes' shares where each part can hold every class.

    Returns:
        `(rest, part)`, each sorted.

    Raises:
        RecipeError: There are fewer than two examples.
    """
    from sklearn.model_selection import train_test_split

    y = np.asarray(y)
    if len(y) < 2:
        raise RecipeError(f"{len(y)} example cannot be split into two parts; more are needed")
    counts = np.bincount(y)
    counts, size = counts[counts > 0], math.ceil(share * len(y))
    few = counts.min() < 2 or min(size, len(y) - size) < len(counts)
    rest, part = train_test_split(
        np.arange(len(y)), test_size=share, random_state=seed, stratify=None if few else y
    )
    return np.sort(rest), np.sort(part)


def _split_by_group(name, y, groups, features):
    held_out = features.held_out
    if held_out == "none":
        return stratified(y, _TEST_SHARE, seed=0)
    if held_out not in groups:
        raise RecipeError(
            f"features.held_out={held_out}: {name!r} has no such speaker; possible: {', '.join(sorted(set(groups)))}"
        )
    test = np.asarray([g == held_out for g in groups])
    return np.flatnonzero(~test), np.flatnonzero(test)
