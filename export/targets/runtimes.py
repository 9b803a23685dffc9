"""Files run in the runtimes of devices, in a child process (see `worker.py`)."""

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..errors import ExportError, WorkerDied
from ..process import TIMEOUT, JobFailed, Worker
from ..scratch import scratch_folder

SCRIPT = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Running:
    """A file in a folder with samples for it, and a child process to run it in."""

    worker: Worker
    folder: Path
    timeout: float

    def call(self, job, **request):
        """Run a job on the file.

        Raises:
            ExportError: The runtime does not take the file, or ends the process.
        """
        paths = {"file": str(self.folder / "file.tflite"), "samples": str(self.folder / "samples.npz")}
        try:
            return self.worker.call(job, self.timeout, **(paths | request))
        except JobFailed as error:
            raise ExportError(str(error)) from error
        except WorkerDied as error:
            raise ExportError(f"the process {error.cause} while {error.stage}") from error

    def outputs(self, job, **request):
        """A job's own answer, and the arrays it wrote, in their order."""
        place = self.folder / f"{job}.npz"
        answer = self.call(job, output=str(place), **request)
        with np.load(place) as arrays:
            return answer, [arrays[str(index)] for index in range(len(arrays.files))]


@contextmanager
def running(content, samples, timeout=TIMEOUT):
    """A `Running` of a file's bytes and an array `(n, *shape)` an input, as the file stores them."""
    with scratch_folder() as folder, Worker(SCRIPT) as worker:
        (folder / "file.tflite").write_bytes(content)
        np.savez(folder / "samples.npz", **{str(i): rows for i, rows in enumerate(samples)})
        yield Running(worker, folder, timeout)


def require(module, extra, purpose):
    """Raise an `ExportError` that names the extra unless a module is installed."""
    if not installed(module):
        raise ExportError(f"{purpose} needs another package: pip install 'edgezoo[{extra}]'.")


def installed(module):
    """Whether a top-level module is there, without importing it."""
    return find_spec(module) is not None


def package_version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed as a package"
