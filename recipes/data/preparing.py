"""From tensorflow-datasets, a folder or another set to arrays on disk."""

import contextlib
import json
import math
import os
import pathlib
import shutil
import tempfile
import time

import numpy as np

from recipes.data import checking, folders, generated, signals, speech, tfds_sets
from recipes.errors import RecipeError, TrainingError

_ABANDONED = 24 * 3600  # seconds
_TEST_SHARE = 0.2  # of a set that has no test split of its own
_RANDOM_SIZE = (96, 96)  # for sets whose images differ in size, where the recipe gives no image_size


def write(name, features, destination, progress=None, prepare=None):
    """Prepare `name` into the folder `destination`, which appears whole or not at all.

    A set that is drawn from another has that one prepared by `prepare`.
    """
    scratch = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(destination.parent)
        scratch = pathlib.Path(tempfile.mkdtemp(prefix=".preparing-", dir=destination.parent))
        if name in generated.SETS:
            _save(*generated.make(name, features, prepare, progress), name, scratch)
        else:
            _read(name, features, scratch, progress)
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


def _read(name, features, scratch, progress):
    """Save what `folders` or `tfds_sets` load, decoded."""
    with tempfile.TemporaryDirectory(prefix="edgezoo-") as links:
        loaded = folders.load(name, links) if name.startswith("folder:") else tfds_sets.load(name)
        parts = _decoded(loaded, name, features, scratch, progress)
        _save(parts, loaded.classes, loaded.source, name, scratch)


def _decoded(loaded, name, features, scratch, progress):
    """`(x, y)` by split."""
    if loaded.kind == "audio":
        x, y, groups = speech.arrays(loaded, features, progress)
        train, test = _split_by_group(name, y, groups, features)
        return {"train": (x[train], y[train]), "test": (x[test], y[test])}
    if loaded.kind == "signal":
        return _signals(loaded, features, progress)
    if features.front_end != "none":
        raise RecipeError(f"features.front_end={features.front_end} is for audio; {name!r} holds images")
    return _images(loaded, features, scratch, progress)


def _save(parts, classes, source, name, scratch):
    for split, (x, y) in parts.items():
        if not isinstance(x, np.memmap):
            np.save(scratch / f"{split}_x.npy", x)
        np.save(scratch / f"{split}_y.npy", y)
        checking.check(x, y, classes, name, split)
    about = {"classes": classes, "source": source}
    (scratch / "about.json").write_text(json.dumps(about, indent=1))


def _signals(loaded, features, progress):
    parts = {split: signals.arrays(loaded, split, features, progress) for split in loaded.splits}
    if "test" in parts:
        return parts
    x, y = parts["train"]
    train, test = stratified(y, _TEST_SHARE, seed=0)
    return {"train": (x[train], y[train]), "test": (x[test], y[test])}


def _images(loaded, features, scratch, progress):
    size = features.image_size or loaded.size or _RANDOM_SIZE
    if loaded.note and progress:
        progress(f"{loaded.note}: all are resized to {size[0]}×{size[1]} (features.image_size)", 0, 0)
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
    if not total:  # which no file can be mapped for
        raise RecipeError(f"data set {loaded.name!r} has no examples in its {split} split")
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
    if done < total:
        raise RecipeError(f"data set {loaded.name!r} ended after {done} of its {total} {split} examples")
    x.flush()
    return x, y


def stratified(y, share, seed):
    """Indices of a split that keeps the classes' shares where each part can hold every class.

    Labels of pixels `(n, h, w)` are split at random.

    Returns:
        `(rest, part)`, each sorted.

    Raises:
        RecipeError: There are fewer than two examples.
    """
    from sklearn.model_selection import train_test_split

    y = np.asarray(y)
    if len(y) < 2:
        raise RecipeError(f"{len(y)} example cannot be split into two parts; more are needed")
    at_random = y.ndim > 1 or _too_few(np.bincount(y), math.ceil(share * len(y)))
    rest, part = train_test_split(
        np.arange(len(y)), test_size=share, random_state=seed, stratify=None if at_random else y
    )
    return np.sort(rest), np.sort(part)


def _too_few(counts, size):
    """Whether classes with these counts cannot all be in a part of `size` and in the rest."""
    present = counts[counts > 0]
    return present.min() < 2 or min(size, counts.sum() - size) < len(present)


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
