"""Which operators of a file of integers compute in float."""

import fnmatch

from . import flatbuffer
from .layers import label, names_of


def float_operators(content, kept=()):
    """How many operators of each kind compute in float, other than those of layers meant to.

    Args:
        content: The file's bytes.
        kept: Layers, as names or patterns, that were kept in float.

    Returns:
        A dict from the operator's name to a count. Conversions from and to integers don't count, unless
        no layer was kept.
    """
    model, found = flatbuffer.parse(content), {}
    for graph, operator in _in_float(model):
        name = flatbuffer.operator_name(model, operator)
        if not _is_meant(name, names_of(model, graph, operator), kept):
            found[name] = found.get(name, 0) + 1
    computing = {name: count for name, count in found.items() if name != "DEQUANTIZE"}
    return computing or ({} if kept else found)


def float_layers(content):
    """The layers that compute in float."""
    model = flatbuffer.parse(content)
    return {
        label(model, graph, operator)
        for graph, operator in _in_float(model)
        if flatbuffer.operator_name(model, operator) != "DEQUANTIZE"
    }


def _in_float(model):
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            if any(flatbuffer.type_name(graph.tensors[i].type) == "float32" for i in operator.outputs):
                yield graph, operator


def _is_meant(name, layers, kept):
    return name != "DEQUANTIZE" and any(fnmatch.filter(layers, pattern) for pattern in kept)
