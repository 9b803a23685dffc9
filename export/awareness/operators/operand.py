"""An operand of an operator, and what all operators do with one."""

from typing import Any, NamedTuple

from keras import ops


class Operand(NamedTuple):
    """A value; `stacked` says whether the batch is in front of the file's own shape."""

    value: Any
    stacked: bool


def aligned(operands):
    """Values that broadcast against each other, the batch in front where any has one."""
    if not any(operand.stacked for operand in operands):
        return [operand.value for operand in operands]
    rank = max(len(operand.value.shape) - operand.stacked for operand in operands)
    return [_raised(operand.value, rank) if operand.stacked else operand.value for operand in operands]


def _raised(value, rank):
    """A stacked value with ones between the batch and its own axes, `rank` of those in all."""
    missing = rank + 1 - len(value.shape)
    return ops.reshape(value, (-1, *[1] * missing, *value.shape[1:])) if missing else value


def merged(value):
    """`(n, b, ...)` as `(n b, ...)`, for operators on images."""
    return ops.reshape(value, (-1, *value.shape[2:]))


def stacked(value, shape):
    """Any value of a batch as `(n, *shape)`."""
    return ops.reshape(value, (-1, *shape))


def activated(value, name):
    """The activation that an operator has fused, by its name in the schema."""
    if name == "RELU":
        return ops.relu(value)
    if name == "RELU6":
        return ops.clip(value, 0.0, 6.0)
    if name == "RELU_N1_TO_1":
        return ops.clip(value, -1.0, 1.0)
    if name == "TANH":
        return ops.tanh(value)
    return value
