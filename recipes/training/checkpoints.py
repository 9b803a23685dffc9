"""Checkpoints: everything a run needs to go on, one file an epoch, written whole.

A file is a NumPy archive with every variable of the model, the augmentation and the optimiser, random states
included, and the history so far; after it comes its SHA-256. The archive's own checksums cover what its
members hold and not the list of them.
"""

import hashlib
import io
import json
import pathlib
import re
import warnings

import numpy as np

from recipes import files
from recipes.errors import TrainingError

_KEEP = 3  # newest files; the older ones are deleted
_SEAL = b"sha256:"  # between the archive and its digest
_DAMAGE = Exception  # archives say it by zip, NumPy, JSON, type and many other errors


def save(folder, epoch, variables, history, best=None):
    """Write the state after `epoch` (1 is the first) and drop all but the last three files and that of `best`."""
    folder = pathlib.Path(folder)
    with files.replacing(_file(folder, epoch)) as scratch:
        arrays = {f"v{i:04d}": np.asarray(v) for i, v in enumerate(variables)}
        with open(scratch, "wb") as file:
            np.savez(file, history=json.dumps(history), **arrays)
        _seal(scratch)
    for old in _found(folder)[:-_KEEP]:
        if best is None or old != _file(folder, best):
            old.unlink(missing_ok=True)


def restore(folder, variables):
    """Assign the newest undamaged checkpoint to `variables`.

    Returns:
        `(epoch, history)`; `(0, [])` where there is none. A damaged file is skipped with a warning.
    """
    for unfinished in pathlib.Path(folder).glob(".epoch_*.npz"):  # of a process killed while writing
        unfinished.unlink(missing_ok=True)
    for path in reversed(_found(pathlib.Path(folder))):
        try:
            arrays, history = _read(path)
        except _DAMAGE as error:
            warnings.warn(f"{path} is damaged ({error}); using the checkpoint before it", stacklevel=2)
            continue
        if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
            warnings.warn(f"{path} belongs to another model; it is left alone", stacklevel=2)
            continue
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return int(re.search(r"(\d+)", path.stem)[1]), history
    return 0, []


def restore_epoch(folder, epoch, variables):
    """Assign the state after `epoch` to `variables`.

    Raises:
        TrainingError: The file is not there, or damaged.
    """
    path = _file(pathlib.Path(folder), epoch)
    try:
        arrays, _ = _read(path)
    except _DAMAGE as error:
        raise TrainingError(
            f"{path}, the best epoch's, cannot be read ({error}). Remove the folder {path.parent} and resume: "
            "the run is trained anew"
        ) from error
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _read(path):
    with np.load(io.BytesIO(_unsealed(path)), allow_pickle=False) as archive:
        arrays = [archive[f"v{i:04d}"] for i in range(len(archive.files) - 1)]
        return arrays, json.loads(str(archive["history"]))


def _seal(path):
    """Append the digest of a file to it."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    with open(path, "ab") as file:
        file.write(_SEAL + digest)


def _unsealed(path):
    """The archive in a file, as it was written; one of before there were digests as it is.

    Raises:
        ValueError: It is not what its digest was taken of.
    """
    content = path.read_bytes()
    size = len(_SEAL) + hashlib.sha256().digest_size
    archive, end = content[:-size], content[-size:]
    if not end.startswith(_SEAL):
        return content
    if end != _SEAL + hashlib.sha256(archive).digest():
        raise ValueError("its content does not match its SHA-256")
    return archive


def _file(folder, epoch):
    return folder / f"epoch_{epoch:04d}.npz"


def _found(folder):
    return sorted(folder.glob("epoch_*.npz"))
