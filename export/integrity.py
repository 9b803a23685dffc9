"""A report counts only for the files that it was written for."""

import hashlib
import json
import math
from pathlib import Path

from .errors import InvalidFile
from .publishing import REPORTS

NUMBER = object()
NUMBERS = ("max_error", "rms_error", "bound", "value", "reference", "loss", "error", "own_error")
NUMBERED = ("metrics", "difference")
"""Fields of a report that are numbers, and those that hold nothing but numbers."""

AGAIN = "Export again, or put the file back that the report was written for."


def digests(folder):
    """SHA-256 of every file of an export but its reports, by path below the folder, with `/`."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: sha256(path) for name, path in sorted(files.items()) if name not in REPORTS}


def load_report(directory, only=None):
    """Read the report of an export, if its files are still those that were checked and measured.

    Args:
        directory: What `export_model` wrote.
        only: Names of the files that matter, such as `int8.tflite`; all of them by default.

    Returns:
        A `Report`.

    Raises:
        InvalidFile: There is no report, it is damaged, or a file is missing or changed; the message names it.
    """
    report = read_report(directory)
    check(report, directory, only)
    return report


def read_report(directory):
    """The report of an export as it was written, whatever became of the files; see `load_report`."""
    import msgspec

    from .report import Report

    file = Path(directory) / "report.json"
    try:
        return msgspec.convert(_restored(json.loads(file.read_text(encoding="utf-8"))), Report)
    except OSError as error:
        raise InvalidFile(
            f"{file} can't be read: {error.strerror}. Export into {directory}, or give another folder."
        ) from error
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidFile(f"{file} is no report, or it is damaged ({error}). Export again.") from error


def check(report, directory, only=None):
    """Raise `InvalidFile`, which names the file, unless all files of a report are as they were.

    Args:
        report: A `Report`.
        directory: Where its files lie.
        only: See `load_report`.
    """
    expected = {file.file: file.contents.sha256 for file in report.files} | dict(report.sha256)
    for name, digest in expected.items():
        if only is None or name in only:
            _check_file(Path(directory) / name, digest)


def _restored(value, name=None):
    """JSON has no NaN and the report wrote null: put it back where only numbers belong."""
    if isinstance(value, dict):
        plain = name in NUMBERED
        return {key: _restored(item, NUMBER if plain else key) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return math.nan if value is None and name in (NUMBER, *NUMBERS) else value


def _check_file(path, digest):
    """Raise `InvalidFile` unless a file's SHA-256 is the one that a report holds."""
    try:
        found = sha256(path)
    except OSError as error:
        raise InvalidFile(
            f"The report is of other files: {path} can't be read ({error.strerror}). {AGAIN}"
        ) from error
    if found != digest:
        raise InvalidFile(
            f"The report is of other files: {path} has changed since (SHA-256 {found[:12]}…, the report says"
            f" {digest[:12]}…). {AGAIN}"
        )


def sha256(path):
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
