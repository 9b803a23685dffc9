"""A folder with everything that a device needs: the file, what it was turned into, the check, the labels."""

import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..contents import read
from ..errors import ExportError
from ..process import TIMEOUT
from .c_source import to_c
from .checking import check_target
from .ethos import compile_ethos
from .findings import TargetCheck
from .runtimes import installed
from .target import get_target


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What was put into a folder for a device. `files` are paths, the one to put on the device first."""

    target: str
    directory: Path
    files: tuple[Path, ...]
    check: TargetCheck

    @property
    def passed(self):
        return self.check.passed


def deliver(
    tflite,
    target,
    directory,
    *,
    name="model",
    labels=(),
    normalization=None,
    samples=None,
    accelerator=None,
    timeout=TIMEOUT,
):
    """Check a file against a target and write what the device needs into a folder.

    It gets the file as `NAME.tflite`, `labels.txt` where there are labels, `check.json`, and a
    `README.md` on what the file needs beside it. For `tflite_micro` also the C sources of `to_c`, for
    an Ethos-U the compiled `NAME_vela.tflite`. A folder of the same name gives way when all is ready.

    Args:
        tflite: The file's path, or its bytes.
        target: A name of `target_names()`.
        directory: The folder.
        name: Of the model, for the files.
        labels, normalization: See `to_c`.
        samples, accelerator, timeout: See `check_target`.

    Returns:
        A `Delivery`; what could not be made for a file that does not pass is left out.

    Raises:
        ExportError: The folder can't be written.
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: An argument does not fit.
    """
    content, directory = read(tflite), Path(directory)
    check = check_target(content, target, samples=samples, accelerator=accelerator, timeout=timeout)
    with _replacing(directory) as folder:
        files = [_write(folder / f"{name}.tflite", content)]
        if labels:
            files.append(_write(folder / "labels.txt", "\n".join(labels) + "\n"))
        if check.passed:
            files = [*_made_for(content, check, folder, name, labels, normalization, accelerator), *files]
        _write(folder / "check.json", check.to_json())
        _write(folder / "README.md", readme(check, [file.relative_to(folder) for file in files]))
    return Delivery(
        target=target,
        directory=directory,
        files=tuple(directory / file.relative_to(folder) for file in files),
        check=check,
    )


def _made_for(content, check, folder, name, labels, normalization, accelerator):
    """The paths of what a target's own tools make of a file."""
    device = get_target(check.target)
    if device.proof == "micro" and "arena_smallest_bytes" in check.measured:
        arena = check.measured["arena_smallest_bytes"]
        symbol = re.sub(r"\W", "_", name, flags=re.ASCII)
        symbol = symbol if symbol[:1].isalpha() else f"model_{symbol}"
        return to_c(content, folder, symbol, labels=labels, normalization=normalization, arena=arena)
    if device.proof == "vela" and installed("ethosu"):
        compiled = compile_ethos(content, accelerator or device.accelerators[0])
        return (_write(folder / f"{name}_vela.tflite", compiled.content),)
    return ()


def readme(check, files):
    """What is in the folder, what it needs beside it, and the check, as Markdown."""
    device = get_target(check.target)
    lines = [check.to_markdown(), f"{device.summary}: {device.runtime}.", "", "## Files", ""]
    lines += [f"- `{file.as_posix()}`" for file in files]
    lines += ["", "## What it needs", "", *(f"- {text}" for text in device.needs)]
    lines += ["", "## Sources", "", *(f"- {url}" for url in device.sources)]
    return "\n".join(lines) + "\n"


@contextmanager
def _replacing(directory):
    """A folder beside a directory that takes its place at the end."""
    folder = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".writing-"))
        folder.chmod(0o755)
        yield folder
        if directory.exists():
            shutil.rmtree(directory)
        folder.rename(directory)
    except OSError as error:
        raise ExportError(
            f"{error.filename or directory} can't be written ({error.strerror or error})."
            " Free some space, or choose another directory."
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8")
    return path
