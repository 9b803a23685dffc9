"""Put a finished export in its place, all of it or nothing."""

import os
import shutil
from contextlib import contextmanager

from .errors import ExportError
from .mixed import MIXED
from .precisions import PRECISIONS

REPORTS = ("report.html", "report.md", "report.json")
"""In the order in which they are put in place: the JSON says that all is there."""


@contextmanager
def writing(directory):
    """Failures to write become an `ExportError`; those of the caller's own code must not happen inside."""
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{error.filename or directory} can't be written ({error.strerror or error}). Files"
            " of an earlier export are unchanged; free some space or choose another directory."
        ) from error


def publish(folder, directory):
    """Move new files to their places, the reports last, and remove what they do not cover.

    Args:
        folder: Inside `directory`, with everything of the new export.
        directory: Where an earlier export may lie.
    """
    saved, old = directory / "saved_model", folder / "old_saved_model"
    if saved.exists():
        saved.rename(old)
    (folder / "saved_model").rename(saved)
    new = {path.name for path in folder.iterdir() if path.is_file()}
    for file in sorted(new - set(REPORTS)):
        os.replace(folder / file, directory / file)
    for name in (*PRECISIONS, MIXED):
        for file in {f"{name}.tflite", f"{name}.json"} - new:
            (directory / file).unlink(missing_ok=True)
    for file in REPORTS:
        os.replace(folder / file, directory / file)
    shutil.rmtree(old, ignore_errors=True)
