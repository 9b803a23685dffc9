"""Weights stored as float16, widened to float32 when the file is loaded."""

import numpy as np

from .. import flatbuffer
from ..errors import ExportError

# The version of DEQUANTIZE that takes float16.
READS_FLOAT16 = 3


def cast(float_file):
    """Store every weight of two or more axes as float16, followed by a DEQUANTIZE operator.

    Biases stay float32: they are few, and they add up with products of full precision. Delegates
    recognise the pattern: a GPU computes in float16, XNNPACK widens the weights once.

    Raises:
        ExportError: A weight is larger than float16 can hold (65,504), or there is none.
    """
    model = flatbuffer.parse(float_file)
    halves = {}
    for graph in model.subgraphs:
        for index in _weights(model, graph):
            _widen(model, graph, index, halves)
    if not halves:
        raise ExportError("the model has no weights of two or more axes to halve. Use float32.")
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


def _weights(model, graph):
    """Indices of the constants that operators of a graph read and that have two or more axes."""
    read = {i for operator in graph.operators or [] for i in operator.inputs if i != -1}
    for index in sorted(read):
        tensor = graph.tensors[index]
        shape = flatbuffer.shape_of(tensor)
        wide = len(shape) > 1 and flatbuffer.type_name(tensor.type) == "float32"
        if wide and flatbuffer.constant(model, tensor) is not None:
            yield index


def _widen(model, graph, index, halves):
    """Turn a constant into float16 and let its readers read a widened copy.

    `halves` maps a buffer to its float16 twin, so graphs that share a weight still do.
    """
    from ai_edge_litert import schema_py_generated as schema

    half = graph.tensors[index]
    if half.buffer not in halves:
        halves[half.buffer] = _halved(model, half)
    wide = schema.TensorT()
    wide.shape, wide.type, wide.buffer = half.shape, half.type, 0
    wide.name = half.name + b"_float32"
    graph.tensors.append(wide)
    for operator in graph.operators:
        operator.inputs = [len(graph.tensors) - 1 if i == index else i for i in operator.inputs]
    half.type, half.buffer = schema.TensorType.FLOAT16, halves[half.buffer]
    step = schema.OperatorT()
    step.opcodeIndex = flatbuffer.operator_code(model, "DEQUANTIZE", READS_FLOAT16)
    step.inputs, step.outputs = [index], [len(graph.tensors) - 1]
    graph.operators.insert(0, step)


def _halved(model, tensor):
    """The index of a new buffer that holds a constant as float16."""
    from ai_edge_litert import schema_py_generated as schema

    values = flatbuffer.constant(model, tensor)
    largest = float(np.abs(values).max())
    if largest > float(np.finfo(np.float16).max):
        raise ExportError(
            f"the weights of {tensor.name.decode()!r} reach {largest:g}, more than float16 can hold"
            " (65504). Use float32 or dynamic_int8, or train with weight decay."
        )
    buffer = schema.BufferT()
    buffer.data = values.astype(np.float16).view(np.uint8).reshape(-1)
    model.buffers.append(buffer)
    return len(model.buffers) - 1
