"""Temporary folders whose failures say what to do."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from .errors import ExportError


@contextmanager
def scratch_folder():
    """A folder that is gone afterwards.

    Raises:
        ExportError: Something in it can't be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="edgezoo-") as folder:
            yield Path(folder)
    except OSError as error:
        raise ExportError(
            f"The temporary folder {tempfile.gettempdir()} can't be used"
            f" ({error.strerror or error}). Free some space there, or set TMPDIR to another folder."
        ) from error
