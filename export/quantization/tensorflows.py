"""TensorFlow's own quantiser, in the child process."""

import numpy as np

from .. import flatbuffer
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
            return _named_as(float_file, output.read_bytes())
        except (JobFailed, WorkerDied) as error:
            raise ExportError(f"TensorFlow's quantiser failed: {error}") from error


def _named_as(float_file, content):
    """The file with the names of the float file where the quantiser put a number behind one."""
    known, model = _shapes(flatbuffer.parse(float_file).subgraphs), flatbuffer.parse(content)
    for graph in model.subgraphs:
        taken = _shapes([graph])
        for tensor in graph.tensors:
            if tensor.name not in known:
                shape = taken[tensor.name]
                free = (n for n in _shorter(tensor.name) if n not in taken and known.get(n) == shape)
                tensor.name = next(free, tensor.name)
                taken[tensor.name] = shape
    return flatbuffer.serialise(model)


def _shapes(graphs):
    """The shapes of graphs' tensors by their names."""
    return {tensor.name: flatbuffer.shape_of(tensor) for graph in graphs for tensor in graph.tensors}


def _shorter(name):
    """The name without its last digit, its last two, and so on."""
    digits = len(name) - len(name.rstrip(b"0123456789"))
    return [name[: len(name) - count] for count in range(1, digits + 1)]
