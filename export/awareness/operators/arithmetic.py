"""Operators that act on every element by itself."""

from keras import ops

from .operand import activated, aligned

LEAST = 1e-12  # rounding makes zeros of what was positive


def _unary(function):
    return lambda operands, options, shape: function(operands[0].value)


def _binary(function):
    def apply(operands, options, shape):
        return activated(function(*aligned(operands)), options.get("fusedActivationFunction"))

    return apply


def _positive(x):
    """x where it is not so small that a slope there would be infinite."""
    return ops.maximum(x, LEAST)


def _divided(a, b):
    return a / ops.where(ops.abs(b) < LEAST, LEAST, b)


def _leaky_relu(operands, options, shape):
    x = operands[0].value
    return ops.where(x > 0, x, x * options["alpha"])


def _prelu(operands, options, shape):
    x, slope = aligned(operands)
    return ops.where(x > 0, x, x * slope)


def _gelu(operands, options, shape):
    return ops.gelu(operands[0].value, approximate=bool(options["approximate"]))


def _hard_swish(operands, options, shape):
    x = operands[0].value
    return x * ops.clip(x + 3.0, 0.0, 6.0) / 6.0


def _softmax(operands, options, shape):
    return ops.softmax(operands[0].value * options["beta"], axis=-1)


def _l2_normalization(operands, options, shape):
    x = operands[0].value
    return x * ops.rsqrt(ops.maximum(ops.sum(x * x, axis=-1, keepdims=True), 1e-12))


def _select(operands, options, shape):
    return ops.where(*aligned(operands))


def _cast(operands, options, shape):
    return ops.cast(operands[0].value, options["outDataType"])


SEMANTICS = {
    "ABS": _unary(ops.abs),
    "ADD": _binary(ops.add),
    "CAST": _cast,
    "COS": _unary(ops.cos),
    "DEQUANTIZE": _unary(lambda x: x),
    "DIV": _binary(_divided),
    "ELU": _unary(ops.elu),
    "EQUAL": _binary(ops.equal),
    "EXP": _unary(ops.exp),
    "FLOOR": _unary(ops.floor),
    "GELU": _gelu,
    "GREATER": _binary(ops.greater),
    "GREATER_EQUAL": _binary(ops.greater_equal),
    "HARD_SWISH": _hard_swish,
    "L2_NORMALIZATION": _l2_normalization,
    "LEAKY_RELU": _leaky_relu,
    "LESS": _binary(ops.less),
    "LESS_EQUAL": _binary(ops.less_equal),
    "LOG": _unary(lambda x: ops.log(_positive(x))),
    "LOGICAL_AND": _binary(ops.logical_and),
    "LOGICAL_NOT": _unary(ops.logical_not),
    "LOGICAL_OR": _binary(ops.logical_or),
    "LOGISTIC": _unary(ops.sigmoid),
    "LOG_SOFTMAX": _unary(lambda x: ops.log_softmax(x, axis=-1)),
    "MAXIMUM": _binary(ops.maximum),
    "MINIMUM": _binary(ops.minimum),
    "MUL": _binary(ops.multiply),
    "NEG": _unary(ops.negative),
    "NOT_EQUAL": _binary(ops.not_equal),
    "POW": _binary(ops.power),
    "PRELU": _prelu,
    "QUANTIZE": _unary(lambda x: x),
    "RELU": _unary(ops.relu),
    "RELU6": _unary(lambda x: ops.clip(x, 0.0, 6.0)),
    "RELU_N1_TO_1": _unary(lambda x: ops.clip(x, -1.0, 1.0)),
    "ROUND": _unary(ops.round),
    "RSQRT": _unary(lambda x: ops.rsqrt(_positive(x))),
    "SELECT": _select,
    "SELECT_V2": _select,
    "SIN": _unary(ops.sin),
    "SOFTMAX": _softmax,
    "SQRT": _unary(lambda x: ops.where(x > LEAST, ops.sqrt(_positive(x)), 0.0)),
    "SQUARE": _unary(ops.square),
    "SQUARED_DIFFERENCE": _binary(lambda a, b: ops.square(a - b)),
    "SUB": _binary(ops.subtract),
    "TANH": _unary(ops.tanh),
}
