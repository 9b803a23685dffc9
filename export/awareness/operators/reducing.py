"""Operators that make one value of many."""

import numpy as np
from keras import ops

from .operand import stacked


def _reduction(function):
    def apply(operands, options, shape):
        x = operands[0].value
        axes = tuple(int(axis) % (len(x.shape) - 1) + 1 for axis in np.ravel(operands[1].value))
        return stacked(function(x, axis=axes), shape)

    return apply


def _largest(operands, options, shapes):
    """TOPK_V2: the k largest along the last axis and where they are."""
    return list(ops.top_k(operands[0].value, int(np.ravel(operands[1].value)[0]), sorted=True))


def _place_of(function):
    def apply(operands, options, shape):
        x = operands[0].value
        axis = int(np.ravel(operands[1].value)[0]) % (len(x.shape) - 1) + 1
        return stacked(ops.cast(function(x, axis=axis), "int32"), shape)

    return apply


def _cumulative(operands, options, shape):
    x = operands[0].value
    axis = int(np.ravel(operands[1].value)[0]) % (len(x.shape) - 1) + 1
    y = ops.flip(x, axis=axis) if options["reverse"] else x
    total = ops.cumsum(y, axis=axis) - (y if options["exclusive"] else 0.0)
    return ops.flip(total, axis=axis) if options["reverse"] else total


SEMANTICS = {
    "ARG_MAX": _place_of(ops.argmax),
    "ARG_MIN": _place_of(ops.argmin),
    "CUMSUM": _cumulative,
    "MEAN": _reduction(ops.mean),
    "REDUCE_ALL": _reduction(ops.all),
    "REDUCE_ANY": _reduction(ops.any),
    "REDUCE_MAX": _reduction(ops.max),
    "REDUCE_MIN": _reduction(ops.min),
    "SUM": _reduction(ops.sum),
    "TOPK_V2": _largest,
}
