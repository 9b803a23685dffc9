"""Files that compute in integers: int8 throughout, or int16 activations with int8 weights."""

import numpy as np

from .. import flatbuffer
from ..contents import inspect
from ..errors import ExportError, WorkerDied
from ..process import TIMEOUT, JobFailed, shared
from ..scratch import scratch_folder
from . import quantizer
from .rewriting import FOR_INT8, FOR_INT16, rewrite

REMEDIES = {
    "ELU": "use ReLU, or a smooth activation with an int8 kernel such as tanh",
    "CONV_3D": "LiteRT has no integer kernel; split it into 2-D convolutions",
    "WHILE": "build the recurrent layer with unroll=True",
    "POW": "multiply the tensor with itself",
    "SIGN": "compare after the model",
}


def to_int8(float_file, samples, timeout=TIMEOUT):
    """Integers in, out and throughout, with one weight scale a channel.

    `ai-edge-quantizer` does it; TensorFlow's quantiser takes over where that one leaves operators
    in float, because it knows more of them.

    Raises:
        ExportError: Both leave operators in float.
    """
    from ai_edge_quantizer import recipe

    _refuse_loops(float_file)
    float_file = rewrite(float_file, FOR_INT8)
    content = quantizer.apply(float_file, recipe.static_wi8_ai8(), samples)
    if inspect(content).float_tensors:
        content = _by_tensorflow(float_file, samples, inspect(content).float_operators, timeout)
    contents = inspect(content)
    if contents.float_tensors:
        raise ExportError(_float_islands(contents.float_operators))
    return flatbuffer.serialise(flatbuffer.parse(content))


def to_int16x8(float_file, samples):
    """Int16 activations and int8 weights; operators without an int16 kernel stay in float.

    Raises:
        ExportError: Not one operator could be quantised.
    """
    from ai_edge_quantizer import recipe

    _refuse_loops(float_file)
    float_file = rewrite(float_file, FOR_INT16)
    content = quantizer.apply(float_file, recipe.static_wi8_ai16(), samples)
    contents = inspect(content)
    if contents.precision != "int16x8":
        names = ", ".join(contents.operators)
        raise ExportError(f"none of the operators {names} has an int16 kernel. Use float16.")
    return flatbuffer.serialise(flatbuffer.parse(content))


def _by_tensorflow(float_file, samples, left, timeout):
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
            raise ExportError(f"{_float_islands(left)} TensorFlow's quantiser failed too: {error}.") from error


def _refuse_loops(float_file):
    """Neither quantiser follows the values inside a loop, and TensorFlow's crashes on some."""
    loops = {name: n for name, n in inspect(float_file).operators.items() if name in ("WHILE", "IF")}
    if loops:
        raise ExportError(_float_islands(loops))


def _float_islands(operators):
    counted = ", ".join(f"{name} ({count})" for name, count in operators.items())
    remedies = [f"{name}: {REMEDIES[name]}." for name in operators if name in REMEDIES]
    return (
        f"these operators have no integer form: {counted}. "
        + " ".join(remedies)
        + " dynamic_int8 keeps them in float and needs no change to the model."
    ).replace("  ", " ")
