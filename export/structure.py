"""Whether a decoded file makes sense: every index points at something, every value is one the schema knows."""

import math
from contextlib import contextmanager

import numpy as np

from . import flatbuffer
from .errors import InvalidFile, InvalidInput

LARGEST = 2**31 - 1
"""Bytes a tensor may take; a flatbuffer can't hold more, and no device that runs LiteRT has them to spare."""


@contextmanager
def reading(content):
    """Whatever readers of a file trip over within the block becomes an `InvalidFile`.

    The structure was checked, but an operator may have fewer inputs than its kind needs, or a tensor that
    has to be constant be computed.
    """
    try:
        yield
    except (InvalidFile, InvalidInput):
        raise
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InvalidFile(
            f"The file of {len(content)} bytes is damaged ({type(error).__name__}: {error})."
            " Convert the model again."
        ) from error


def check_structure(model, content):
    """Raise `InvalidFile` unless a file is whole, and let lists that it leaves out be empty ones."""
    if not model.subgraphs or not model.buffers:
        raise InvalidFile("The file holds no graph. Convert the model again.")
    for buffer in model.buffers:
        if buffer.offset + buffer.size > len(content):
            raise InvalidFile("A buffer lies outside the file: it was cut off. Copy it again.")
    for code in model.operatorCodes or []:
        _check_known("BuiltinOperator", max(code.builtinCode, code.deprecatedBuiltinCode), "operator")
        (code.customCode or b"").decode()
    for graph in model.subgraphs:
        _check_graph(model, graph)
    for signature in model.signatureDefs or []:
        _check_signature(model, signature)
    keys = [signature.signatureKey for signature in model.signatureDefs or []]
    if len(keys) > len(set(keys)):
        raise InvalidFile("Two signatures of the file have one name: it is damaged. Convert the model again.")


def _check_graph(model, graph):
    graph.tensors, graph.operators = graph.tensors or [], graph.operators or []
    graph.inputs, graph.outputs = _listed(graph.inputs), _listed(graph.outputs)
    for tensor in graph.tensors:
        _check_index(tensor.buffer, model.buffers, "a tensor's buffer")
        _check_known("TensorType", tensor.type, "tensor type")
        tensor.name = tensor.name or b""
        tensor.name.decode()
        _check_spread(tensor)
        _check_length(model, tensor)
    for operator in graph.operators:
        _check_index(operator.opcodeIndex, model.operatorCodes, "an operator's code")
        operator.inputs, operator.outputs = _listed(operator.inputs), _listed(operator.outputs)
        for index in [*operator.inputs, *operator.outputs]:
            if index != -1:
                _check_index(index, graph.tensors, "an operator's tensor")
    for index in [*graph.inputs, *graph.outputs]:
        _check_index(index, graph.tensors, "a graph's tensor")


def _check_signature(model, signature):
    _check_index(signature.subgraphIndex, model.subgraphs, "a signature's graph")
    signature.signatureKey.decode()
    signature.inputs, signature.outputs = signature.inputs or [], signature.outputs or []
    for entry in [*signature.inputs, *signature.outputs]:
        if "\0" in entry.name.decode():
            raise InvalidFile(f"A signature's tensor is called {entry.name!r}: the file is damaged.")
        _check_index(
            entry.tensorIndex, model.subgraphs[signature.subgraphIndex].tensors, "a signature's tensor"
        )


def _check_length(model, tensor):
    """The bytes of a constant are those of its shape, and those of any other tensor can be had."""
    data, shape = model.buffers[tensor.buffer].data, flatbuffer.shape_of(tensor)
    bits = flatbuffer.item_bits(tensor.type)
    if bits is None:
        return
    expected = -(-bits * math.prod(shape) // 8)
    if data is not None and len(data):
        if len(data) != expected or min(shape, default=1) < 0:
            raise InvalidFile(
                f"Tensor {_name(tensor)} of shape {shape} holds {len(data)} bytes, expected {expected}:"
                " the file is damaged. Convert the model again."
            )
    elif abs(expected) > LARGEST:
        raise InvalidFile(
            f"Tensor {_name(tensor)} of shape {shape} would take {abs(expected):,} bytes; a tensor may have"
            f" {LARGEST:,}. Either the file is damaged, or the model needs a smaller input."
        )


def _check_spread(tensor):
    """Scales are finite: a range that was not a number gives such a one."""
    scale = None if tensor.quantization is None else tensor.quantization.scale
    if scale is not None and not np.isfinite(scale).all():
        raise InvalidFile(
            f"Tensor {_name(tensor)} has a scale that is not finite. Convert the model again, with calibration"
            " data without NaN."
        )


def _check_known(enumeration, code, what):
    if code not in flatbuffer.codes(enumeration):
        raise InvalidFile(
            f"The file has an {what} of number {code}, which this version of LiteRT does not know: update"
            " ai-edge-litert, or convert the model again if the file is damaged."
        )


def _check_index(index, items, what):
    if not 0 <= index < len(items or ()):
        raise InvalidFile(f"The file is damaged: {what} is number {index} of {len(items or ())}.")


def _name(tensor):
    return repr(tensor.name.decode(errors="replace"))


def _listed(values):
    return [] if values is None else [int(value) for value in values]
