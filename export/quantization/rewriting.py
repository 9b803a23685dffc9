"""Write operators without an integer kernel as others that have one.

The result is equal in exact arithmetic. It is only ever the source of an integer file: in float32
the original operators are at least as fast.
"""

import numpy as np

from .. import flatbuffer
from ..editing import replace

WINDOW = "/window_mean"
"""The end of the name of a kernel that pools: it is no weight that training may change."""


def rewrite(float_file, names):
    """Replace the named operators, keys of `REWRITES`, wherever they compute in float32.

    Returns:
        The new file's bytes; unchanged if none of the operators occurs.
    """

    def rule(edit, operator):
        kind = edit.kind(operator)
        return REWRITES[kind](edit, operator) if kind in names and edit.is_float(operator) else None

    return replace(float_file, rule)


def _average_pool(edit, operator):
    """The mean of a window is its depthwise convolution with one weight; not where the padding is left out of it."""
    options, name = operator.builtinOptions, edit.name(operator)
    height, width = options.filterHeight, options.filterWidth
    _, *source, channels = edit.shape(operator.inputs[0])
    _, *target, _ = edit.shape(operator.outputs[0])
    strides = options.strideH, options.strideW
    reached = [
        (n - 1) * stride + size for n, stride, size in zip(target, strides, (height, width), strict=True)
    ]
    if any(end > side for end, side in zip(reached, source, strict=True)):
        return None
    mean = edit.buffer(np.full((height, width, channels), 1 / (height * width)))
    kernel = edit.tensor((1, height, width, channels), f"{name}{WINDOW}", mean)
    bias = edit.tensor((channels,), f"{name}/nothing", edit.buffer(np.zeros(channels)))
    convolution = edit.operator("DEPTHWISE_CONV_2D", [operator.inputs[0], kernel, bias], operator.outputs[0])
    made = convolution.builtinOptions
    made.padding, made.strideH, made.strideW = options.padding, *strides
    made.depthMultiplier = made.dilationHFactor = made.dilationWFactor = 1
    made.fusedActivationFunction = options.fusedActivationFunction
    return [convolution]


def _negate(edit, operator):
    """-x = x * -1."""
    factor = edit.scalar(-1.0, f"{edit.name(operator)}/minus_one")
    return [edit.operator("MUL", [operator.inputs[0], factor], operator.outputs[0])]


def _square(edit, operator):
    """x^2 = x * x."""
    return [edit.operator("MUL", [operator.inputs[0]] * 2, operator.outputs[0])]


def _squared_difference(edit, operator):
    """(a - b)^2 = d * d with d = a - b."""
    difference = edit.like(operator.outputs[0], f"{edit.name(operator)}/difference")
    return [
        edit.operator("SUB", operator.inputs, difference),
        edit.operator("MUL", [difference] * 2, operator.outputs[0]),
    ]


def _leaky_relu(edit, operator):
    """max(x, alpha x), for the usual slopes below one."""
    slope = float(operator.builtinOptions.alpha)
    if slope > 1:
        return None
    name, x = edit.name(operator), operator.inputs[0]
    low = edit.like(x, f"{name}/low")
    return [
        edit.operator("MUL", [x, edit.scalar(slope, f"{name}/slope")], low),
        edit.operator("MAXIMUM", [x, low], operator.outputs[0]),
    ]


def _hard_swish(edit, operator):
    """x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, section 5.2)."""
    name, x = edit.name(operator), operator.inputs[0]
    gate, share = edit.like(x, f"{name}/gate"), edit.like(x, f"{name}/share")
    return [
        edit.operator("ADD", [x, edit.scalar(3.0, f"{name}/three")], gate, activation="RELU6"),
        edit.operator("MUL", [gate, edit.scalar(1 / 6, f"{name}/sixth")], share),
        edit.operator("MUL", [x, share], operator.outputs[0]),
    ]


def _elu(edit, operator):
    """relu(x) + (exp(-relu(-x)) - 1), with alpha = 1 (Clevert et al. 2015, equation 1)."""
    name, x = edit.name(operator), operator.inputs[0]
    above, below, minus, grown, less = (
        edit.like(x, f"{name}/{part}") for part in ("above", "below", "minus", "grown", "less")
    )
    sign, one = edit.scalar(-1.0, f"{name}/minus_one"), edit.scalar(1.0, f"{name}/one")
    return [
        edit.operator("RELU", [x], above),
        edit.operator("MUL", [x, sign], below, activation="RELU"),
        edit.operator("MUL", [below, sign], minus),
        edit.operator("EXP", [minus], grown),
        edit.operator("SUB", [grown, one], less),
        edit.operator("ADD", [above, less], operator.outputs[0]),
    ]


def _activation(edit, operator):
    """An activation as a part of what computes its input, also through DEPTH_TO_SPACE, which only moves values."""
    from ai_edge_litert import schema_py_generated as schema

    maker = mover = _only_maker(edit, operator.inputs[0])
    if mover is not None and edit.kind(mover) == "DEPTH_TO_SPACE":
        maker = _only_maker(edit, mover.inputs[0])
    if maker is None or edit.kind(maker) not in FUSING or maker.builtinOptions.fusedActivationFunction:
        return None
    code = getattr(schema.ActivationFunctionType, edit.kind(operator))
    maker.builtinOptions.fusedActivationFunction = code
    maker.opcodeIndex = flatbuffer.operator_code(edit.model, edit.kind(maker), FUSING[edit.kind(maker)])
    mover.outputs = operator.outputs
    if mover is not maker:  # what is moved is no more what the float file calls so
        moved = edit.like(mover.inputs[0], f"{edit.name(maker)}/activated")
        maker.outputs, mover.inputs = [moved], [moved]
    return []


def _only_maker(edit, index):
    """The operator that gives a tensor which one other alone takes; or None."""
    takers = sum(list(operator.inputs).count(index) for operator in edit.graph.operators)
    if takers != 1 or index in edit.graph.outputs:
        return None
    return next((operator for operator in edit.graph.operators if index in operator.outputs), None)


FUSING = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 4}
"""Operators that an activation can be a part of, and the version from which it can."""

REWRITES = {
    "AVERAGE_POOL_2D": _average_pool,
    "ELU": _elu,
    "NEG": _negate,
    "SQUARE": _square,
    "SQUARED_DIFFERENCE": _squared_difference,
    "LEAKY_RELU": _leaky_relu,
    "HARD_SWISH": _hard_swish,
    "RELU": _activation,
    "RELU6": _activation,
}

# What neither quantiser knows in int8, or XNNPACK does not take and so cuts the graph at: MobileNetV3 ran 3.4
# times faster without HARD_SWISH, LeNet-5 1.3 times without AVERAGE_POOL_2D, two transposed convolutions 3 times
# without a RELU behind each. And what has no int16 kernel.
FOR_INT8 = ("AVERAGE_POOL_2D", "ELU", "HARD_SWISH", "NEG", "RELU", "RELU6", "SQUARE", "SQUARED_DIFFERENCE")
FOR_INT16 = ("HARD_SWISH", "LEAKY_RELU", "NEG", "SQUARE", "SQUARED_DIFFERENCE")
