"""Narrow the weights of an int8 file to 4 bits, operator by operator.

A weight of 4 bits takes one of 15 values, so the step matters more than at 8 bits: each channel's is
the one of least squared error, which cuts off the largest weights where that serves the others (Nagel
et al., "A white paper on neural network quantization", 2021, https://arxiv.org/abs/2106.08295, section
3.1).
"""

import numpy as np

from .. import flatbuffer
from ..errors import ExportError
from .zero_channels import WITH_BIAS

KERNELS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""The operators whose kernels in LiteRT read weights of 4 bits beside activations of 8."""

LIMIT = 7
SHARES = np.linspace(0.5, 1, 26)
"""Candidates for the largest weight that is not cut off, as a share of the largest."""


def narrow(content, kept=()):
    """Store weights as int4 where a kernel reads them, with a scale a channel where there was one.

    Args:
        content: The bytes of a file with int8 weights and activations.
        kept: Operators, by the names of their first outputs, whose weights stay at 8 bits.

    Returns:
        The new file's bytes.

    Raises:
        ExportError: No kernel of the file's operators reads such weights.
    """
    model = flatbuffer.parse(content)
    readers = [*_readers(model)]
    if not any(_fits(model, graph, operator, place) for graph, operator, _, place in readers):
        kinds = sorted({flatbuffer.operator_name(model, operator) for _, operator, _, _ in readers})
        raise ExportError(
            f"int4: none of the operators {', '.join(kinds)} reads weights of 4 bits in LiteRT; "
            f"{', '.join(KERNELS)} do. Use int8."
        )
    wide = {
        tensor.buffer
        for graph, operator, tensor, place in readers
        if not _fits(model, graph, operator, place) or _output(graph, operator).name.decode() in kept
    }
    factors, seen = {}, set()
    for graph, operator, weights, _ in readers:
        if weights.buffer in wide:
            continue
        if weights.buffer not in factors:
            values, factors[weights.buffer] = _narrowed(
                flatbuffer.constant(model, weights), weights.quantization
            )
            model.buffers[weights.buffer].data = flatbuffer.pack_int4(values)
        _rescale(model, weights, _bias(model, graph, operator), factors[weights.buffer], seen)
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


def _readers(model):
    """Graph, operator, tensor and place for each int8 constant of two or more axes that is read."""
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            for place, index in enumerate(operator.inputs):
                tensor = graph.tensors[index]
                stored = index != -1 and flatbuffer.type_name(tensor.type) == "int8"
                if stored and len(flatbuffer.shape_of(tensor)) > 1 and len(_data(model, tensor)):
                    yield graph, operator, tensor, place


def _data(model, tensor):
    data = model.buffers[tensor.buffer].data
    return () if data is None else data


def _fits(model, graph, operator, place):
    kind = flatbuffer.operator_name(model, operator)
    integers = flatbuffer.type_name(_output(graph, operator).type) == "int8"
    return kind in KERNELS and place == WITH_BIAS[kind][0] and integers


def _output(graph, operator):
    return graph.tensors[operator.outputs[0]]


def _narrowed(stored, spread):
    """Values from -7 to 7 and their scales, from values from -127 to 127 and theirs."""
    axis = spread.quantizedDimension if len(spread.scale) > 1 else None
    rows = np.moveaxis(stored, axis, 0) if axis is not None else stored[None]
    rows = rows.reshape(len(rows), -1).astype(np.float32)  # (channels, weights of one)
    largest = np.abs(rows).max(1, keepdims=True)
    steps = np.where(largest, largest, LIMIT) * SHARES / LIMIT  # (channels, candidates)
    errors = [np.square(_rounded(rows, step) * step - rows).sum(1) for step in steps.T[..., None]]
    best = np.take_along_axis(steps, np.argmin(errors, 0)[:, None], 1)  # (channels, 1)
    values = _rounded(rows, best).astype(np.int8)
    shape = stored.shape if axis is None else np.moveaxis(stored, axis, 0).shape
    values = values.reshape(shape)
    return values if axis is None else np.moveaxis(values, 0, axis), np.float32(best[:, 0])


def _rounded(rows, steps):
    return np.clip(np.rint(rows / steps), -LIMIT, LIMIT)


def _bias(model, graph, operator):
    place = WITH_BIAS[flatbuffer.operator_name(model, operator)][1]
    found = len(operator.inputs) > place and operator.inputs[place] != -1
    return graph.tensors[operator.inputs[place]] if found else None


def _rescale(model, weights, bias, factors, seen):
    """Note in an operator's tensors that a step of its weights is `factors` times what it was.

    `seen` holds the tensors that were changed, as operators may share them.
    """
    from ai_edge_litert import schema_py_generated as schema

    if id(weights) not in seen:
        weights.type = schema.TensorType.INT4
        weights.quantization.scale = np.asarray(weights.quantization.scale) * factors
    if bias is not None and id(bias) not in seen:
        held = flatbuffer.constant(model, bias)
        bias.buffer = flatbuffer.add_buffer(model, np.rint(held / factors).astype(held.dtype))
        bias.quantization.scale = np.asarray(bias.quantization.scale) * factors
    seen |= {id(weights), id(bias)}
