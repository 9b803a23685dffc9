"""A file of another precision, made in a child process that may end without harm (see `worker.py`)."""

import atexit
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..errors import ExportError, InvalidFile, InvalidInput, WorkerDied
from ..process import JobFailed, Worker
from ..scratch import scratch_folder

SCRIPT = Path(__file__).with_name("worker.py")
KINDS = {kind.__name__: kind for kind in (ExportError, InvalidFile, InvalidInput)}

_worker = Worker(SCRIPT)  # kept: importing the quantiser takes seconds
atexit.register(_worker.stop)


def derived(float_file, precision, samples, timeout, options):
    """What `quantization.derive` gives for a file, from a child of limited memory.

    Args:
        float_file: The file's bytes.
        precision: One of `PRECISIONS`.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`; empty where the precision
            needs none.
        timeout: Seconds it may take.
        options: `QuantizationOptions`.

    Raises:
        ExportError: The model can't have this precision, or the child crashed, or took too long.
        InvalidFile: The file is damaged.
        InvalidInput: An option does not fit the file.
    """
    inputs = [[signature, list(arrays)] for signature, arrays in samples.items()]
    rows = [rows for arrays in samples.values() for rows in arrays.values()]
    with scratch_folder() as scratch:
        source, given, output = (scratch / name for name in ("float32.tflite", "samples.npz", "made.tflite"))
        source.write_bytes(float_file)
        np.savez(given, *rows)  # by number: names of a damaged file may not do as names of files
        try:
            _worker.call(
                "quantize",
                timeout,
                input=str(source),
                precision=precision,
                seconds=timeout,
                samples=str(given),
                inputs=inputs,
                options=asdict(options),
                output=str(output),
            )
        except JobFailed as error:
            raise _meant(error, precision) from error
        except WorkerDied as error:
            raise ExportError(
                f"{precision}: the file can't be quantised: the process {error.cause} while {error.stage}. If"
                " `export.benchmark` does not run the file either, it is damaged: convert the model again."
            ) from error
        return output.read_bytes()


def _meant(error, precision):
    """The exception of the child, where it is one of this package's, else an `ExportError`."""
    if error.kind in KINDS:
        return KINDS[error.kind](str(error))
    return ExportError(
        f"{precision}: the file can't be quantised ({error.kind}: {error}). Convert the model again."
    )
