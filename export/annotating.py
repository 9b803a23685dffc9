"""Add to what the JSON beside the files of a finished export says; the report stays one of these files."""

import dataclasses
import os
import tempfile
from pathlib import Path

from .errors import InvalidFile, InvalidInput
from .integrity import load_report, sha256
from .metadata.sidecar import with_notes
from .publishing import writing


def annotate(directory, notes):
    """Write notes into the JSON beside files, and the new digests into `report.json`.

    Args:
        directory: What `export_model` wrote.
        notes: A dict from a file's name, such as `int8.tflite`, to a dict that can become JSON. A key that is
            there already gets the new value.

    Raises:
        InvalidFile: There is no report, or it is one of other files.
        InvalidInput: There is no such file, or a note stands for what the export itself says.
    """
    directory, report = Path(directory), load_report(directory)
    unknown = [name for name in notes if name not in {file.file for file in report.files}]
    if unknown:
        known = ", ".join(file.file for file in report.files)
        raise InvalidInput(f"{directory} has no file {unknown[0]!r}. Possible: {known}.")
    with writing(directory), tempfile.TemporaryDirectory(dir=directory, prefix=".writing-") as scratch:
        digests = dict(report.sha256)
        for name, added in notes.items():
            sidecar = Path(name).with_suffix(".json").name
            text = with_notes(_read(directory / sidecar), added)
            (Path(scratch) / sidecar).write_text(text, encoding="utf-8")
            digests[sidecar] = sha256(Path(scratch) / sidecar)
        report = dataclasses.replace(report, sha256=dict(sorted(digests.items())))
        (Path(scratch) / "report.json").write_text(report.to_json(), encoding="utf-8")
        for name in (*sorted(digests.keys() & set(os.listdir(scratch))), "report.json"):
            os.replace(Path(scratch) / name, directory / name)


def _read(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidFile(f"{path} can't be read ({error.strerror}). Export again.") from error
