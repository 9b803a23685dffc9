"""Files written whole: to a temporary name, then renamed, so that a kill leaves the old file intact."""

import contextlib
import csv
import io
import json
import os
import pathlib
import tempfile

from recipes.errors import TrainingError


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path beside `path`; it takes `path`'s place once the block has succeeded."""
    path = pathlib.Path(path)
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        yield pathlib.Path(scratch)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except OSError as error:
        raise TrainingError(f"could not write {path}: {error.strerror or error}") from error
    finally:
        if scratch and os.path.exists(scratch):
            os.unlink(scratch)


def write_text(path, text):
    """Write `text` to `path`, whole."""
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path, content):
    """Write `content` to `path` as indented JSON, whole."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_csv(path):
    """The rows of a table, dicts of text; empty where there is no file."""
    path = pathlib.Path(path)
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def write_csv(path, rows, columns=None):
    """Write `rows`, dicts, to `path`, whole; the columns are those of the first row by default."""
    rows, buffer = list(rows), io.StringIO()
    writer = csv.DictWriter(buffer, columns or rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
