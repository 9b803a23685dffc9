"""The same weights in the graphs of all signatures, where the converter has moved biases along.

A bias in front of a product can be multiplied by its weights and added behind it, and the converter does so
where both are in one graph. With the biases of the graphs of the parts, the whole computes the same again.
"""

import numpy as np

from .. import flatbuffer
from . import weights
from .operators import KERNELS


def aligned(content, parts):
    """The float file whose operators have the biases that those with the same kernels have in some graphs.

    Args:
        content: The file's bytes.
        parts: The signatures of those graphs.
    """
    model = flatbuffer.parse(content)
    known = [held for name in parts for held in weights.of(model, name).values()]
    for entry in model.signatureDefs:
        name = entry.signatureKey.decode()
        for graph, operator, places in weights.operators(model, name) if name not in parts else ():
            held = weights.constants(model, graph, operator, places)
            biases = [one.get("bias") for one in known if _equal(one.get("weights"), held.get("weights"))]
            if biases and not any(_equal(bias, held.get("bias")) for bias in biases):
                _give(model, graph, operator, biases[0])
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


def _equal(first, second):
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def _give(model, graph, operator, bias):
    """Let an operator have a bias; none for None."""
    from ai_edge_litert import schema_py_generated as schema

    place = KERNELS[flatbuffer.operator_name(model, operator)][1]
    if place is None:
        return
    inputs = [int(i) for i in operator.inputs]
    inputs += [-1] * (place + 1 - len(inputs))
    if bias is not None:
        tensor = schema.TensorT()
        tensor.shape, tensor.type = np.array(bias.shape, np.int32), schema.TensorType.FLOAT32
        tensor.buffer = flatbuffer.add_buffer(model, bias)
        tensor.name = graph.tensors[operator.outputs[0]].name + b"/bias"
        graph.tensors.append(tensor)
    inputs[place] = -1 if bias is None else len(graph.tensors) - 1
    operator.inputs = np.array(inputs, np.int32)
