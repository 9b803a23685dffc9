"""TensorFlow's own quantiser, in the child process."""

import numpy as np

from ..errors import ExportError, WorkerDied
from ..process import TIMEOUT, JobFailed, shared
from ..scratch import scratch_folder


def by_tensorflow(float_file, samples, timeout=TIMEOUT):
    """Integers throughout, by the quantiser of TensorFlow's converter, with minima and maxima as ranges.

    Args:
        float_file: The file's bytes.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`.
        timeout: Seconds it may take.

    Raises:
        ExportError: It failed or crashed.
    """
    arrays = {f"{name}/{key}": rows for name, parts in samples.items() for key, rows in parts.items()}
    with scratch_folder() as scratch:
        source, output = scratch / "float32.tflite", scratch / "int8.tflite"
        source.write_bytes(float_file)
        np.savez(scratch / "samples.npz", **arrays)
        try:
            shared.call(
                "quantize",
                timeout,
                input=str(source),
                samples=str(scratch / "samples.npz"),
                inputs={name: list(parts) for name, parts in samples.items()},
                output=str(output),
            )
            return output.read_bytes()
        except (JobFailed, WorkerDied) as error:
            raise ExportError(f"TensorFlow's quantiser failed: {error}") from error
