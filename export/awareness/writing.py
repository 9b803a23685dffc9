"""The files of a trained quantisation-aware model."""

import numpy as np

from .. import flatbuffer
from ..errors import ExportError
from . import template_of, twins_of, weights
from .operator_layer import QuantizedOperator
from .ranges import ActivationRange
from .structure import read, source_of

STEPS = 2**30  # the largest bias, in steps of a channel's scale times the input's


def integer_file(model, signatures=None):
    """The integer file with the model's weights and ranges, and with these signatures or all."""
    template = template_of(model)
    parsed = flatbuffer.parse(template.integer)
    for name, twin in _twins(model, signatures).items():
        _write_integers(read(template.integer, name, parsed), twin)
    return _finished(parsed, _twins(model, signatures))


def float_file(model, signatures=None):
    """The float32 file with the model's weights, from which the other precisions derive.

    Raises:
        ExportError: The operators of the integer file can't be found in the float file.
    """
    template = template_of(model)
    parsed = flatbuffer.parse(template.float32)
    for name, twin in _twins(model, signatures).items():
        trained = _trained(read(template.integer, name), twin)
        missing = weights.write(parsed, name, trained)
        if missing:
            raise ExportError(
                f"{model.name!r} was quantised by TensorFlow's own quantiser, which renames operators"
                f" ({', '.join(sorted(missing)[:3])}): only its integer file can be made."
            )
    return _finished(parsed, _twins(model, signatures))


def _twins(model, signatures):
    twins = twins_of(model) or {template_of(model).signature: model}
    return {name: twin for name, twin in twins.items() if signatures is None or name in signatures}


def _write_integers(structure, twin):
    for layer in twin.layers:
        if isinstance(layer, ActivationRange):
            _write_range(structure, layer)
    written = set()
    for layer in twin.layers:
        if isinstance(layer, QuantizedOperator) and layer.kernel is not None:
            _write_kernel(structure, layer, written)


def _trained(structure, twin):
    """The weights of a signature by the names of what their operators give."""
    found = {}
    for layer in twin.layers:
        if isinstance(layer, QuantizedOperator) and layer.kernel is not None:
            parts = {"weights": np.asarray(layer.kernel_values())}
            if layer.bias is not None:
                parts["bias"] = np.asarray(layer.bias_values())
            found[structure.output_name(structure.operators[layer.place])] = parts
    return found


def _finished(parsed, names):
    """The bytes of a file with these signatures alone, in which equal constants are one."""
    left_out = [entry for entry in parsed.signatureDefs if entry.signatureKey.decode() not in names]
    dropped = {int(entry.subgraphIndex) for entry in left_out}
    parsed.signatureDefs = [entry for entry in parsed.signatureDefs if entry not in left_out]
    flatbuffer.reorder(parsed, [i for i in range(len(parsed.subgraphs)) if i not in dropped])
    _share_buffers(parsed)
    flatbuffer.drop_unused(parsed)
    return flatbuffer.serialise(parsed)


def _share_buffers(parsed):
    """Let equal constants be one buffer, as those of several signatures are."""
    held = {
        number: buffer.data.tobytes()
        for number, buffer in enumerate(parsed.buffers)
        if buffer.data is not None and len(buffer.data)
    }
    first = {content: number for number, content in reversed(held.items())}
    for graph in parsed.subgraphs:
        for tensor in graph.tensors:
            if tensor.buffer in held:
                tensor.buffer = first[held[tensor.buffer]]


def _write_range(structure, layer):
    scale, zero = (np.asarray(value) for value in layer.grid())
    for index in layer.tensors:
        weights.rescale(structure, index, scale, int(zero))


def _write_kernel(structure, layer, written):
    """The integers of an operator's kernel and bias, and their scales."""
    operator = structure.operators[layer.place]
    source = structure.scale(source_of(operator))[0]
    kernel, scale = np.asarray(layer.kernel_values()), np.asarray(layer.kernel_scale())
    bias = None if layer.bias is None else np.asarray(layer.bias_values())
    if bias is not None:
        scale = np.maximum(scale, _least_scale(bias, source, layer.kernel_spec["axis"], scale.shape))
    largest = layer.kernel_spec["largest"]
    steps = np.clip(np.rint(kernel / scale), -largest, largest).astype(np.int8)
    tensor = _own(structure, layer.place, operator.kernel.weights, written)
    tensor.quantization.scale = scale.ravel().astype(np.float32)
    tensor.quantization.zeroPoint = np.zeros(scale.size, np.int64)
    packed = flatbuffer.pack_int4(steps) if flatbuffer.type_name(tensor.type) == "int4" else steps
    weights.set_buffer(structure.model, tensor, packed)
    if bias is not None:
        tensor = _own(structure, layer.place, operator.kernel.bias, written)
        steps = scale.ravel() * np.float32(source)
        tensor.quantization.scale = steps.astype(np.float32)
        tensor.quantization.zeroPoint = np.zeros(scale.size, np.int64)
        weights.set_buffer(structure.model, tensor, np.rint(bias / steps).astype(np.int32))


def _least_scale(bias, source, axis, shape):
    """The scales with which each bias is a number that an int32 can hold."""
    least = np.abs(bias) / (source * STEPS)
    return least.reshape(shape) if axis is not None else least.max()


def _own(structure, place, index, written):
    """The tensor at an index, or a copy of it for an operator that shares it with one written before."""
    if index not in written:
        written.add(index)
        return structure.tensor(index)
    tensor = weights.copied(structure.graph, index)
    operator = structure.graph.operators[place]
    operator.inputs = [len(structure.graph.tensors) - 1 if int(i) == index else i for i in operator.inputs]
    return tensor
