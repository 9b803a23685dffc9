"""What each operator of a file has to do, read from its bytes: products, weights and what flows."""

from dataclasses import dataclass

import numpy as np

from . import flatbuffer, layers
from .contents import read
from .structure import reading


@dataclass(frozen=True, kw_only=True)
class OperatorCost:
    """One operator of a graph.

    `layer` is the Keras layer it comes from, `output` the name of its first output, `shape` and `dtype` are
    that output's. `inputs` are the positions, in the list, of the operators whose results it takes, -1 for the
    graph's own inputs. `macs` counts multiplications that are added up, 0 for operators that have none;
    `weight_bytes` its constants, `activation_bytes` what it reads and writes beside them.
    """

    operator: str
    layer: str
    output: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str
    macs: int
    weight_bytes: int
    activation_bytes: int


def operator_costs(tflite, signature=None):
    """The operators of a signature's graph in the order in which they run.

    Args:
        tflite: The file's path, or its bytes.
        signature: The signature's name; None for the main one.

    Returns:
        A tuple of `OperatorCost`. What runs inside loops is not counted.

    Raises:
        InvalidFile: It is not a `.tflite` file, or it is damaged.
    """
    content = read(tflite)
    model = flatbuffer.parse(content)
    graph = model.subgraphs[_graph(model, signature)]
    with reading(content):
        return tuple(_costs(model, graph))


def _costs(model, graph):
    makers = {int(i): -1 for i in graph.inputs}
    for place, operator in enumerate(graph.operators or []):
        yield _cost(model, graph, operator, makers)
        makers |= {int(i): place for i in operator.outputs}


def _graph(model, signature):
    entries = {entry.signatureKey.decode(): entry.subgraphIndex for entry in model.signatureDefs or []}
    return entries.get(signature, 0)


def _cost(model, graph, operator, makers):
    inputs = [int(i) for i in operator.inputs if i != -1]
    constants = [graph.tensors[i] for i in inputs if i not in makers]
    flowing = [graph.tensors[i] for i in (*(i for i in inputs if i in makers), *operator.outputs)]
    output = graph.tensors[operator.outputs[0]] if len(operator.outputs) else None
    kind = flatbuffer.operator_name(model, operator)
    return OperatorCost(
        operator=kind,
        layer="" if output is None else layers.label(model, graph, operator),
        output="" if output is None else output.name.decode(errors="replace"),
        inputs=tuple(dict.fromkeys(makers[i] for i in inputs if i in makers)),
        shape=() if output is None else flatbuffer.shape_of(output),
        dtype="" if output is None else flatbuffer.type_name(output.type),
        macs=MACS[kind](*_shapes(graph, operator)) if kind in MACS else 0,
        weight_bytes=sum(_stored(model, tensor) for tensor in constants),
        activation_bytes=sum(_elements(t) * (flatbuffer.item_size(t.type) or 0) for t in flowing),
    )


def _stored(model, tensor):
    data = model.buffers[tensor.buffer].data
    return 0 if data is None else len(data)


def _elements(tensor):
    return int(np.prod(flatbuffer.shape_of(tensor), dtype=np.int64))


def _shapes(graph, operator):
    """The shapes of an operator's inputs, () for one that is left out, and of its first output."""
    inputs = [flatbuffer.shape_of(graph.tensors[i]) if i != -1 else () for i in operator.inputs]
    return inputs, flatbuffer.shape_of(graph.tensors[operator.outputs[0]])


def _product(*sides):
    return int(np.prod([side for shape in sides for side in shape], dtype=np.int64))


def _matrix_product(inputs, output):
    shared = set(inputs[0][-2:]) & set(inputs[1][-2:])
    # Of (m, k) and (k, n), k is what the output lacks; either may lie transposed.
    lost = [side for side in inputs[0][-2:] if side in shared and side not in output[-2:]]
    return _product(output) * (lost[0] if lost else inputs[0][-1])


# Weights lie as (out, height, width, in), for depthwise ones as (1, height, width, out), in three dimensions
# as (depth, height, width, in, out).
MACS = {
    "BATCH_MATMUL": _matrix_product,
    "CONV_2D": lambda inputs, output: _product(output, inputs[1][1:]),
    "CONV_3D": lambda inputs, output: _product(output, inputs[1][:-1]),
    "DEPTHWISE_CONV_2D": lambda inputs, output: _product(output, inputs[1][1:3]),
    "FULLY_CONNECTED": lambda inputs, output: _product(inputs[0], inputs[1][:1]),
    "TRANSPOSE_CONV": lambda inputs, output: _product(inputs[2], inputs[1][:3]),
}
