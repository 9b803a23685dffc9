"""Let biases make up for the mean error that rounded weights bring.

Rounding changes a layer's weights from W to W + e, and with it the mean of its outputs by e E[x], which
the bias can take back (Nagel et al., "Data-free quantization through weight equalization and bias
correction", 2019, https://arxiv.org/abs/1906.04721, section 4.2). The mean input E[x] is that of the
float file on the calibration samples.
"""

import numpy as np

from .. import flatbuffer
from .ranges import activation_means
from .zero_channels import WITH_BIAS

CORRECTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
SAME = 0  # the schema's code of the padding


def correct_biases(content, float_file, samples):
    """Correct every integer bias of a file.

    Args:
        content: The bytes of a file with integer weights and activations.
        float_file: The float32 file that it was made from, with tensors of the same names.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`.

    Returns:
        The new file's bytes.
    """
    model, source = flatbuffer.parse(content), flatbuffer.parse(float_file)
    means = activation_means(float_file, samples)
    known = {
        graph.tensors[operator.outputs[0]].name: (graph, operator)
        for graph in source.subgraphs
        for operator in graph.operators
    }
    seen = set()
    for graph in model.subgraphs:
        for operator in graph.operators:
            original = known.get(graph.tensors[operator.outputs[0]].name)
            bias = None if original is None else _bias(model, graph, operator)
            if bias is not None and id(bias) not in seen:
                seen.add(id(bias))
                _correct(model, source, (graph, operator), original, bias, means)
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


def _bias(model, graph, operator):
    """The integer bias of an operator that can be corrected, or None."""
    if flatbuffer.operator_name(model, operator) not in CORRECTED or not _is_integer(graph, operator):
        return None
    if len(operator.inputs) < 3 or operator.inputs[2] == -1:
        operator.inputs = [*operator.inputs[:2], _added(model, graph, operator)]
    bias = graph.tensors[operator.inputs[2]]
    stored = flatbuffer.constant(model, bias) is not None
    return bias if stored and flatbuffer.type_name(bias.type) in ("int32", "int64") else None


def _is_integer(graph, operator):
    """Whether an operator takes and gives integers, with constant weights of a scale."""
    tensors = [graph.tensors[i] for i in (*operator.inputs[:2], operator.outputs[0])]
    kinds = [flatbuffer.type_name(tensor.type) for tensor in tensors]
    return {kinds[0], kinds[2]} <= {"int8", "int16"} and kinds[1] in ("int8", "int4")


def _added(model, graph, operator):
    """The index of a new bias of zeros for a dense layer that had none."""
    from ai_edge_litert import schema_py_generated as schema

    source, weights = (graph.tensors[i] for i in operator.inputs[:2])
    wide = flatbuffer.type_name(source.type) == "int16"
    values = np.zeros(flatbuffer.shape_of(weights)[0], np.int64 if wide else np.int32)
    bias, spread = schema.TensorT(), schema.QuantizationParametersT()
    bias.name, bias.shape = graph.tensors[operator.outputs[0]].name + b"/bias", list(values.shape)
    bias.type = schema.TensorType.INT64 if wide else schema.TensorType.INT32
    bias.buffer = flatbuffer.add_buffer(model, values)
    spread.scale = np.asarray(weights.quantization.scale) * source.quantization.scale[0]
    spread.zeroPoint, spread.quantizedDimension = [0] * len(spread.scale), 0
    bias.quantization = spread
    graph.tensors.append(bias)
    return len(graph.tensors) - 1


def _correct(model, source, here, there, bias, means):
    (graph, operator), (float_graph, float_operator) = here, there
    kind = flatbuffer.operator_name(model, operator)
    weights = graph.tensors[operator.inputs[WITH_BIAS[kind][0]]]
    wanted = flatbuffer.constant(source, float_graph.tensors[float_operator.inputs[1]])
    mean = means.get(float_graph.tensors[float_operator.inputs[0]].name.decode())
    stored = flatbuffer.constant(model, weights)
    if stored is None or wanted is None or mean is None or stored.shape != wanted.shape:
        return
    error = _real(stored, weights.quantization) - wanted
    shape = flatbuffer.shape_of(graph.tensors[operator.outputs[0]])
    shift = _mean_output(kind, error, mean, shape, operator.builtinOptions)
    held, scales = flatbuffer.constant(model, bias), np.asarray(bias.quantization.scale)
    limits = np.iinfo(held.dtype)
    values = np.clip(np.rint(held - shift / scales), limits.min, limits.max).astype(held.dtype)
    bias.buffer = flatbuffer.add_buffer(model, values)


def _real(stored, spread):
    axes = [1] * stored.ndim
    if len(spread.scale) > 1:
        axes[spread.quantizedDimension] = -1
    return stored.astype(np.float64) * np.asarray(spread.scale, np.float64).reshape(axes)


def _mean_output(kind, weights, mean, shape, options):
    """The mean output a channel, without bias, of an operator whose mean input is known."""
    if kind == "FULLY_CONNECTED":
        return weights @ mean.reshape(-1, weights.shape[1]).mean(0)
    taps = _tap_means(mean[0], weights.shape[1:3], shape[1:3], options)  # (kh, kw, channels)
    if kind == "DEPTHWISE_CONV_2D":
        repeated = np.repeat(taps, weights.shape[3] // taps.shape[2], 2)
        return np.einsum("hwc,hwc->c", weights[0], repeated)
    groups = taps.shape[2] // weights.shape[3]
    split = weights.reshape(groups, -1, *weights.shape[1:])  # (groups, out / groups, kh, kw, in / groups)
    return np.einsum("gohwi,hwgi->go", split, taps.reshape(*taps.shape[:2], groups, -1)).ravel()


def _tap_means(image, size, target, options):
    """The mean of what each tap of a kernel meets, zeros of the padding included."""
    strides = (options.strideH, options.strideW)
    dilations = (options.dilationHFactor, options.dilationWFactor)
    if options.padding == SAME:
        reach = [(target[a] - 1) * strides[a] + (size[a] - 1) * dilations[a] + 1 for a in (0, 1)]
        missing = [max(reach[a] - image.shape[a], 0) for a in (0, 1)]
        image = np.pad(image, [*((n // 2, n - n // 2) for n in missing), (0, 0)])
    means = np.empty((*size, image.shape[2]))
    for y in range(size[0]):
        for x in range(size[1]):
            rows = y * dilations[0] + strides[0] * np.arange(target[0])
            columns = x * dilations[1] + strides[1] * np.arange(target[1])
            means[y, x] = image[np.ix_(rows, columns)].mean((0, 1))
    return means
