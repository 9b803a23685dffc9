"""Files that compute in integers: int8 throughout, or int16 activations with int8 weights."""

import re

import numpy as np

from .. import flatbuffer
from ..contents import inspect
from ..errors import ExportError, InvalidFile, WorkerDied
from ..predictor import load
from ..process import TIMEOUT, JobFailed, shared
from ..scratch import scratch_folder
from ..verification import compare
from . import quantizer
from .folding import fold_constants
from .rewriting import FOR_INT8, FOR_INT16, rewrite

REMEDIES = {
    "CONV_3D": "LiteRT has no integer kernel; split it into 2-D convolutions",
    "WHILE": "build the recurrent layer with unroll=True",
    "POW": "multiply the tensor with itself",
    "SIGN": "take the sign after the model",
}

# An error of 0.7 standard deviations leaves half of an output's variance unexplained.
BROKEN = 0.7
COMPARED_SAMPLES = 16


def to_int8(float_file, samples, timeout=TIMEOUT):
    """Integers in, out and throughout, with one weight scale a channel.

    `ai-edge-quantizer` does it. TensorFlow's quantiser knows more operators and takes over where
    that one leaves some in float; its result counts only if it reproduces the float file.

    Raises:
        ExportError: Both leave operators in float, or break the model.
    """
    from ai_edge_quantizer import recipe

    _refuse_loops(float_file)
    source = rewrite(fold_constants(float_file), FOR_INT8)
    content = quantizer.apply(source, recipe.static_wi8_ai8(), samples)
    problem = _problem(float_file, content, samples)
    if problem:
        content = _by_tensorflow(source, samples, problem, timeout)
        again = _problem(float_file, content, samples)
        if again:
            raise ExportError(again)
    return content


def to_int16x8(float_file, samples):
    """Int16 activations and int8 weights; operators without an int16 kernel stay in float.

    Raises:
        ExportError: Not one operator could be quantised, or the result is broken.
    """
    from ai_edge_quantizer import recipe

    _refuse_loops(float_file)
    source = rewrite(fold_constants(float_file), FOR_INT16)
    rules = [*recipe.static_wi8_ai16(), *_left_in_float(source)]
    content = quantizer.apply(source, rules, samples)
    contents = inspect(content)
    if contents.precision != "int16x8":
        names = ", ".join(contents.operators)
        raise ExportError(f"none of the operators {names} has an int16 kernel. Use float16.")
    broken = _breakage(float_file, content, samples)
    if broken:
        raise ExportError(broken)
    return content


def _left_in_float(source):
    """Rules that except products with a constant matrix: the int16 kernel misreads int8 weights."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    model = flatbuffer.parse(source)
    for graph in model.subgraphs:
        for operator in graph.operators:
            if flatbuffer.operator_name(model, operator) != "BATCH_MATMUL":
                continue
            if any(flatbuffer.constant(model, graph.tensors[i]) is not None for i in operator.inputs):
                yield {
                    "regex": re.escape(graph.tensors[operator.outputs[0]].name.decode()),
                    "operation": TFLOperationName.BATCH_MATMUL,
                    "algorithm_key": AlgorithmName.NO_QUANTIZE,
                    "op_config": {},
                }


def _by_tensorflow(float_file, samples, problem, timeout):
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
            raise ExportError(f"{problem} TensorFlow's quantiser failed too: {error}.") from error


def _problem(float_file, content, samples):
    """What keeps a file from being an int8 file of the model, or None."""
    contents = inspect(content)
    if contents.float_tensors:
        left = contents.float_operators or {"DEQUANTIZE": contents.operators.get("DEQUANTIZE", 0)}
        return _float_islands(left)
    return _breakage(float_file, content, samples)


def _breakage(float_file, content, samples):
    """How far a file is from the float file on the calibration samples, if that breaks it."""
    reference, candidate = load(float_file), load(content)
    for name, arrays in samples.items():
        batch = {key: rows[:COMPARED_SAMPLES] for key, rows in arrays.items()}
        try:
            expected, stored = reference.raw(batch, name), candidate.raw(batch, name)
        except InvalidFile as error:
            return f"{error}. Use dynamic_int8 or float16."
        for tensor in candidate.contents.signatures[name].outputs:
            found = compare(name, tensor, expected[tensor.name], stored[tensor.name], BROKEN)
            if not found.rms_error <= found.bound:
                return (
                    f"output {tensor.name!r} is off by {found.rms_error:.2g} standard deviations on"
                    " the calibration samples: the model does not survive integers. Use"
                    " dynamic_int8 or float16, or give calibration samples scaled as in training."
                )
    return None


def _refuse_loops(float_file):
    """Neither quantiser follows the values inside a loop, and TensorFlow's crashes on some."""
    loops = {name: n for name, n in inspect(float_file).operators.items() if name in ("WHILE", "IF")}
    if loops:
        raise ExportError(_float_islands(loops))


def _float_islands(operators):
    counted = ", ".join(f"{name} ({count})" for name, count in operators.items())
    remedies = "".join(f" {name}: {REMEDIES[name]}." for name in operators if name in REMEDIES)
    return (
        f"these operators have no integer form: {counted}.{remedies} dynamic_int8 keeps them in"
        " float and needs no change to the model."
    )
