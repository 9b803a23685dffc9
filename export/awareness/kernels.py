"""How integer kernels get from real numbers to steps of the output's scale, bit by bit.

Most round to the nearest integer, ties to even: XNNPACK multiplies in float32. Found by comparing with
LiteRT 2.3 on x86, operator by operator.
"""

from keras import ops

from .operators.operand import Operand, aligned

FACTOR_BITS = 20
SLOPE_BITS = 8
SLACK = 1e-4  # what float32 may lack of an integer or a half


def nearest(x, scale, zero, facts):
    """To the nearest integer, ties to even."""
    return ops.round(x / scale)


def down(x, scale, zero, facts):
    """The table of SQRT cuts fractions off."""
    return ops.floor(x / scale + SLACK)


def up(x, scale, zero, facts):
    """Weights of RESIZE_BILINEAR have 11 bits; a half is rounded up."""
    return ops.floor(x / scale + 0.5 + SLACK)


def away(x, scale, zero, facts):
    """AVERAGE_POOL_2D divides stored integers, zero point included; a half is rounded away from zero."""
    stored = x / scale + zero
    return ops.sign(stored) * ops.floor(ops.abs(stored) + 0.5 + SLACK) - zero


def summed(x, scale, zero, facts):
    """A sum of products of integers, times the ratio of its step, `facts[0]`, to the scale."""
    (step,) = facts
    return ops.round(ops.round(x / step) * (step / scale))


def added(x, scale, zero, facts):
    """ADD and SUB: factors of 21 bits, the sum shifted right, a half rounded up.

    `facts` are the two summands and their scales; the second scale is below 0 for a difference.
    """
    a, b, *scales = facts
    values = aligned([Operand(a, True), Operand(b, True)])
    ratios = [own / scale for own in scales]
    largest = ops.maximum(ops.abs(ratios[0]), ops.abs(ratios[1]))
    shift = FACTOR_BITS - ops.cast(ops.floor(ops.log2(largest)), "int32")
    size = ops.power(2.0, ops.cast(shift, "float32"))
    total = ops.left_shift(ops.ones_like(shift), shift - 1)
    for value, own, ratio in zip(values, scales, ratios, strict=True):
        whole = ops.cast(ops.round(value / ops.abs(own)), "int32")
        total = total + whole * ops.cast(ops.round(ratio * size), "int32")
    return ops.cast(ops.right_shift(total, shift), "float32")


def sloped(x, scale, zero, facts):
    """LEAKY_RELU: each side has a factor of 8 bits behind the point; `facts` are input, its scale and slope."""
    value, own, slope = facts
    whole, ratio = ops.round(value / own), own / scale
    factor = ops.where(whole >= 0, ratio, ratio * slope)
    return ops.floor(whole * ops.round(factor * 2.0**SLOPE_BITS) / 2.0**SLOPE_BITS + 0.5)


def multiplied(x, scale, zero, facts):
    """BATCH_MATMUL: a factor between a half and 1 and a shift, each of which rounds; `facts` is the step."""
    first, size = _factored(x, scale, facts)
    return ops.sign(first) * ops.floor(ops.abs(first) * size + 0.5)


def shifted(x, scale, zero, facts):
    """Weights of 4 bits, which XNNPACK leaves to LiteRT: as `multiplied`, but a half is rounded up."""
    first, size = _factored(x, scale, facts)
    return ops.floor(first * size + 0.5)


def _factored(x, scale, facts):
    """Sums of products by the factor, rounded, and what the shift multiplies them with."""
    total, ratio = ops.round(x / facts[0]), facts[0] / scale
    size = ops.power(2.0, ops.floor(ops.log2(ratio)) + 1.0)
    return ops.floor(total * (ratio / size) + 0.5), size


NARROW = "4 bits"
"""What operators with weights of 4 bits count as."""

ROUNDING = {
    "ADD": added,
    "AVERAGE_POOL_2D": away,
    "BATCH_MATMUL": multiplied,
    NARROW: shifted,
    "LEAKY_RELU": sloped,
    "RESIZE_BILINEAR": up,
    "SQRT": down,
    "SUB": added,
}
"""The kernels of operators that round in another way than `nearest`."""

NEEDS_FACTS = (added, multiplied, shifted, sloped)


def steps(kind, x, scale, zero, facts):
    """What an operator's kernel gives, in steps of its scale above its zero, before the ends are cut off.

    Args:
        kind: The operator; `NARROW` where its weights have 4 bits; None for an input.
        x: What it gives in real numbers, `(n, ...)`.
        scale, zero: Of the output.
        facts: What some kernels compute with; see theirs. None where that is not known.
    """
    rounded = ROUNDING.get(kind, nearest)
    if facts is None:
        return (nearest if rounded in NEEDS_FACTS else rounded)(x, scale, zero, None)
    return (rounded if rounded in NEEDS_FACTS else summed)(x, scale, zero, facts)
