"""The weights in a float file, found by the names of what their operators give."""

import numpy as np

from .. import flatbuffer
from .operators import KERNELS
from .ranges import HIGHEST, LOWEST


def of(model, signature):
    """The weights of a signature of a parsed float file.

    Returns:
        A dict from the name of an operator's output to `{"weights": array, "bias": array}`, without what is
        computed or missing.
    """
    return {
        _name(graph, operator): constants(model, graph, operator, places)
        for graph, operator, places in operators(model, signature)
    }


def constants(model, graph, operator, places):
    """The weights of one of `operators`, as `of` gives them."""
    values = {
        name: flatbuffer.constant(model, graph.tensors[operator.inputs[place]])
        for name, place in places.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def write(model, signature, weights):
    """Write weights, as `of` gives them, into a parsed float file; each into a constant of its own.

    Returns:
        The names of those for which no operator was found.
    """
    missing = set(weights)
    for graph, operator, places in operators(model, signature):
        name = _name(graph, operator)
        missing.discard(name)
        for part, value in weights.get(name, {}).items():
            if part in places:
                operator.inputs[places[part]] = replaced(model, graph, operator.inputs[places[part]], value)
    return missing


def operators(model, signature):
    """The operators of a signature that have weights: their graph, themselves, and where these are among the inputs."""
    entry = next(e for e in model.signatureDefs if e.signatureKey.decode() == signature)
    graph = model.subgraphs[entry.subgraphIndex]
    for operator in graph.operators or []:
        kind = flatbuffer.operator_name(model, operator)
        if kind in KERNELS:
            kernel, bias = KERNELS[kind]
            places = {"weights": kernel}
            if bias is not None and bias < len(operator.inputs) and operator.inputs[bias] != -1:
                places["bias"] = bias
            yield graph, operator, places


def _name(graph, operator):
    return graph.tensors[operator.outputs[0]].name.decode()


def replaced(model, graph, index, value):
    """The index of a tensor that holds the value: the same one unless another operator reads it too."""
    tensor = graph.tensors[index]
    readers = sum(index in list(operator.inputs) for operator in graph.operators)
    if readers > 1:
        tensor = copied(graph, index)
        index = len(graph.tensors) - 1
    set_buffer(model, tensor, np.asarray(value, np.float32))
    return index


def copied(graph, index):
    """A copy of a tensor, appended to the graph."""
    from ai_edge_litert import schema_py_generated as schema

    old, new = graph.tensors[index], schema.TensorT()
    new.shape, new.type, new.buffer = old.shape, old.type, old.buffer
    new.name = old.name + b"_%d" % len(graph.tensors)
    if old.quantization is not None:
        new.quantization = schema.QuantizationParametersT()
        vars(new.quantization).update(vars(old.quantization))
    graph.tensors.append(new)
    return new


def set_buffer(model, tensor, value):
    """Let a tensor hold a value, in a buffer of its own."""
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.ascontiguousarray(value).view(np.uint8).ravel()
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1


def rescale(structure, index, scale, zero):
    """Give a tensor of 8 bits another scale; a constant keeps its value, as nearly as the scale allows."""
    tensor, value = structure.tensor(index), structure.constant(index)
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.array([zero], np.int64)
    if value is not None:
        steps = np.clip(np.rint(value / scale) + zero, LOWEST, HIGHEST)
        set_buffer(structure.model, tensor, steps.astype(np.int8))
