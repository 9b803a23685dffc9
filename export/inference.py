"""LiteRT on single samples: in this process for files that were made here, in the child for any other.

A file from elsewhere may run on zeros and crash on other values, or ask for all memory there is.
"""

import hashlib
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np

from .errors import ExportError, InvalidFile, WorkerDied
from .process import JobFailed, shared
from .scratch import scratch_folder


class Here:
    """A file's signatures, run in this process."""

    def __init__(self, content, threads, signatures):
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._runners = {name: self._interpreter.get_signature_runner(name) for name in signatures}
        except (RuntimeError, ValueError) as error:
            raise InvalidFile(f"LiteRT can't load the file: {error}") from error

    def __call__(self, signature, arrays):
        """The outputs `(n, ...)` by name for inputs `(n, ...)` by name, each as the file stores them."""
        run = self._runners[signature]
        try:
            rows = [
                run(**{name: array[i : i + 1] for name, array in arrays.items()})
                for i in range(len(next(iter(arrays.values()))))
            ]
        except (RuntimeError, ValueError) as error:
            raise InvalidFile(f"LiteRT can't run the file: {error}") from error
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


class Apart:
    """A file's signatures, run in the child, which keeps the file loaded between two calls."""

    def __init__(self, content, threads, signatures):
        self._threads, self._digest = threads, hashlib.sha256(content).hexdigest()
        try:
            folder = Path(tempfile.mkdtemp(prefix="edgezoo-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._file = folder / "loaded.tflite"
            self._file.write_bytes(content)
        except OSError as error:
            raise ExportError(
                f"The temporary folder {tempfile.gettempdir()} can't be used ({error.strerror or error})."
                " Free some space there, or set TMPDIR to another folder."
            ) from error

    def __call__(self, signature, arrays):
        """As `Here`."""
        with scratch_folder() as scratch:
            given, got = scratch / "inputs.npz", scratch / "outputs.npz"
            np.savez(given, **{f"{signature}/{name}": rows for name, rows in arrays.items()})
            try:
                shared.call(
                    "predict",
                    file=str(self._file),
                    kept_as=f"{self._digest} {self._threads}",
                    threads=self._threads,
                    samples=str(given),
                    inputs={signature: list(arrays)},
                    output=str(got),
                )
            except (JobFailed, WorkerDied) as error:
                raise InvalidFile(f"LiteRT can't run the file: {error}. Convert the model again.") from error
            with np.load(got) as stored:
                return {key.removeprefix(f"{signature}/"): stored[key] for key in stored.files}
