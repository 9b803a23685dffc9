"""Keep the biases of channels whose weights are all zero.

`ai-edge-quantizer` gives such a channel a weight scale of about 1e-11. Its bias counts in steps of
that scale times the input's, and any bias at all is then cut off at the end of int32. A pruned filter
is such a channel, and so is a layer that starts from zeros.
"""

import numpy as np

from .. import flatbuffer

WITH_BIAS = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
STEPS = 2**20  # what a channel's bias becomes, and with it its error


def keep_biases(model, float_model):
    """Give channels of zeros a weight scale by which their bias is a number of `STEPS` steps.

    Args:
        model: The parsed integer file; changed in place.
        float_model: The parsed file that it was made from.
    """
    biases = _biases(float_model)
    for graph in model.subgraphs:
        for operator in graph.operators:
            places = WITH_BIAS.get(flatbuffer.operator_name(model, operator))
            if places and len(operator.inputs) > places[1] and operator.inputs[places[1]] != -1:
                tensors = [graph.tensors[i] for i in operator.inputs]
                source = tensors[2 if places[1] == 3 else 0]
                weights, bias = (tensors[place] for place in places)
                _keep(model, source, weights, bias, biases.get(bias.name))


def _biases(model):
    """The float constants of one axis, by name."""
    return {
        tensor.name: values
        for graph in model.subgraphs
        for tensor in graph.tensors
        if (values := flatbuffer.constant(model, tensor)) is not None and values.ndim == 1
    }


def _keep(model, source, weights, bias, wanted):
    stored = flatbuffer.constant(model, weights)
    if wanted is None or stored is None or flatbuffer.type_name(bias.type) not in ("int32", "int64"):
        return
    axis = weights.quantization.quantizedDimension
    scales = weights.quantization.scale
    others = tuple(i for i in range(stored.ndim) if i != axis) if len(scales) > 1 else None
    zero = np.atleast_1d(~stored.any(axis=others))
    largest = np.abs(wanted) if len(scales) > 1 else np.abs(wanted).max(keepdims=True)
    zero &= largest > 0
    if not zero.any():
        return
    scales = np.where(zero, largest / (source.quantization.scale[0] * STEPS), scales).astype(np.float32)
    steps = scales * source.quantization.scale[0]
    held = flatbuffer.constant(model, bias)
    values = np.where(np.broadcast_to(zero, held.shape), np.round(wanted / steps), held).astype(held.dtype)
    weights.quantization.scale, bias.quantization.scale = scales, steps.astype(np.float32)
    model.buffers[bias.buffer].data = values.view(np.uint8).ravel()
