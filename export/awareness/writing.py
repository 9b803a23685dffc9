"""The files of a trained quantisation-aware model."""

import numpy as np

from .. import flatbuffer
from ..errors import ExportError
from . import template_of, weights
from .operator_layer import QuantizedOperator
from .ranges import HIGHEST, LOWEST, ActivationRange
from .structure import read, source_of

STEPS = 2**30  # the largest bias, in steps of a channel's scale times the input's


def integer_file(model):
    """The integer file with the model's weights and ranges."""
    template = template_of(model)
    structure = read(template.integer, template.signature)
    for layer in model.layers:
        if isinstance(layer, ActivationRange):
            _write_range(structure, layer)
    written = set()
    for layer in model.layers:
        if isinstance(layer, QuantizedOperator) and layer.kernel is not None:
            _write_kernel(structure, layer, written)
    flatbuffer.drop_unused(structure.model)
    return flatbuffer.serialise(structure.model)


def float_file(model):
    """The float32 file with the model's weights, from which the other precisions derive.

    Raises:
        ExportError: The operators of the integer file can't be found in the float file.
    """
    template = template_of(model)
    structure = read(template.integer, template.signature)
    trained = {}
    for layer in model.layers:
        if isinstance(layer, QuantizedOperator) and layer.kernel is not None:
            parts = {"weights": np.asarray(layer.kernel)}
            if layer.bias is not None:
                parts["bias"] = np.asarray(layer.bias)
            trained[structure.output_name(structure.operators[layer.place])] = parts
    parsed = flatbuffer.parse(template.float32)
    missing = weights.write(parsed, template.signature, trained)
    if missing:
        raise ExportError(
            f"{model.name!r} was quantised by TensorFlow's own quantiser, which renames operators"
            f" ({', '.join(sorted(missing)[:3])}): only its integer file can be made."
        )
    flatbuffer.drop_unused(parsed)
    return flatbuffer.serialise(parsed)


def _write_range(structure, layer):
    scale, zero = (np.asarray(value) for value in layer.grid())
    for index in layer.tensors:
        tensor, value = structure.tensor(index), structure.constant(index)
        tensor.quantization.scale = np.array([scale], np.float32)
        tensor.quantization.zeroPoint = np.array([int(zero)], np.int64)
        if value is not None:
            steps = np.clip(np.rint(value / scale) + zero, LOWEST, HIGHEST)
            weights.set_buffer(structure.model, tensor, steps.astype(np.int8))


def _write_kernel(structure, layer, written):
    """The integers of an operator's kernel and bias, and their scales."""
    operator = structure.operators[layer.place]
    source = structure.scale(source_of(operator))[0]
    kernel, scale = np.asarray(layer.kernel), np.asarray(layer.kernel_scale())
    bias = None if layer.bias is None else np.asarray(layer.bias)
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
