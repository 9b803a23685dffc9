"""Which Keras layers the operators of a file come from.

The converter names a tensor by the scopes of the operations that were folded into it:
`net_1/stem_relu_1/Relu;net_1/stem_1/convolution` comes from the layers `stem_relu` and `stem`. Keras
opens a scope with a layer's name, and TensorFlow puts a number behind it where it was taken.
"""

import difflib
import fnmatch
import re

from . import flatbuffer
from .errors import InvalidInput

KERNELS = ("convolution", "depthwise", "MatMul", "conv_transpose")
"""What the operation that holds a layer's kernel is called."""

WEIGHTS = ("float32", "float16", "int8", "int4")
NO_LAYERS = ("batchnorm", "conv_transpose")


def names_of(model, graph, operator):
    """The layers that an operator comes from, that of its kernel first.

    Args:
        model, graph, operator: Of a parsed file.

    Returns:
        A tuple of names; empty where the file does not say.
    """
    parts = _parts(model, graph, operator)
    parts.sort(key=lambda path: path[-1].rstrip("0123456789_").split(":")[0] not in KERNELS)
    return tuple(dict.fromkeys(name for path in parts for name in reversed(_layers(path))))


def label(model, graph, operator):
    """One name for an operator: its layer's, else its output tensor's."""
    found = names_of(model, graph, operator)
    return found[0] if found else graph.tensors[operator.outputs[0]].name.decode()


def select(content, patterns, option="keep_float"):
    """The operators that come from layers.

    Args:
        content: A file's bytes.
        patterns: Names of layers, or patterns of `fnmatch`.
        option: What they were given as, for the error.

    Returns:
        A dict from the name of each operator's first output to its layers.

    Raises:
        InvalidInput: No operator comes from a layer of one of these names.
    """
    if not patterns:
        return {}
    model = flatbuffer.parse(content)
    operators = {
        graph.tensors[operator.outputs[0]].name.decode(): names_of(model, graph, operator)
        for graph in model.subgraphs
        for operator in graph.operators or []
    }
    for pattern in patterns:
        if not any(fnmatch.filter(layers, pattern) for layers in operators.values()):
            raise InvalidInput(_unknown(option, pattern, operators.values()))
    return {
        output: layers
        for output, layers in operators.items()
        if any(fnmatch.filter(layers, pattern) for pattern in patterns)
    }


def _parts(model, graph, operator):
    """The scopes of an operator's outputs and constants, as tuples of names."""
    tensors = [graph.tensors[i] for i in operator.outputs]
    tensors += [graph.tensors[i] for i in operator.inputs if i != -1 and _is_weight(model, graph.tensors[i])]
    texts = ";".join(tensor.name.decode() for tensor in tensors).split(";")
    parts = [tuple(text.split("/")) for text in dict.fromkeys(texts) if "/" in text]
    return parts + [(name, "") for name in _output_names(model, graph, operator)]


def _is_weight(model, tensor):
    """Whether a tensor is a constant that only layers have; axes and shapes are shared by many."""
    stored = model.buffers[tensor.buffer].data
    return stored is not None and len(stored) and flatbuffer.type_name(tensor.type) in WEIGHTS


def _output_names(model, graph, operator):
    """The names under which signatures give an operator's outputs: those of layers, mostly."""
    outputs = {int(i) for i in operator.outputs}
    for signature in model.signatureDefs or []:
        if model.subgraphs[signature.subgraphIndex] is graph:
            yield from (o.name.decode() for o in signature.outputs if o.tensorIndex in outputs)


def _layers(path):
    """The layers a scope names, the outermost first: all but the model's name and the operation's."""
    inner = path[1:-1] if len(path) > 2 else path[:-1]
    return [re.sub(r"_\d+$", "", name) for name in inner if name not in NO_LAYERS and ":" not in name]


def _unknown(option, pattern, found):
    names = sorted({name for layers in found for name in layers})
    close = difflib.get_close_matches(pattern, names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    shown = ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")
    return f"{option}: no operator comes from a layer {pattern!r}.{hint} The layers are {shown}."
