"""How integer kernels get from real numbers to steps of the output's scale, bit by bit.

Where XNNPACK has a kernel LiteRT runs that one: it multiplies in float32 and rounds to the nearest integer,
ties to even. The others are LiteRT's own, which multiply with 31 bits and shift. Sources: the kernels of
XNNPACK (`src/qs8-*`, `src/reference`) and of LiteRT (`tflite/kernels/internal`); each was compared with
LiteRT 2.3 on x86, operator by operator.
"""

import numpy as np
from keras import ops

from .operators.operand import Operand, aligned

FACTOR_BITS = 20
SLOPE_BITS = 8
ROOT_BITS = 20
MOST_SHIFTED = 30
SLACK = 1e-4  # what float32 may lack of an integer or a half


def nearest(x, scale, zero):
    """To the nearest integer, ties to even."""
    return ops.round(x / scale)


def up(x, scale, zero):
    """Weights of RESIZE_BILINEAR have 11 bits; a half is rounded up."""
    return ops.floor(x / scale + 0.5 + SLACK)


def away(x, scale, zero):
    """AVERAGE_POOL_2D divides stored integers, zero point included; a half is rounded away from zero."""
    stored = x / scale + zero
    return ops.sign(stored) * ops.floor(ops.abs(stored) + 0.5 + SLACK) - zero


def summed(x, scale, zero, step):
    """Products of integers and sums of them, times the ratio of their step to the scale."""
    return ops.round(ops.round(x / step) * (step / scale))


def added(x, scale, zero, first, second, own, other):
    """ADD and SUB: factors of 21 bits, the sum shifted right, a half rounded up.

    The facts are the two summands and their scales; the second scale is below 0 for a difference.
    """
    values = aligned([Operand(first, True), Operand(second, True)])
    ratios = own / scale, other / scale
    shift = FACTOR_BITS - _exponent(ops.maximum(ratios[0], ops.abs(ratios[1])))
    shift = ops.minimum(shift, MOST_SHIFTED)
    size, total = _power(shift), ops.left_shift(ops.ones_like(shift), shift - 1)
    for value, step, ratio in zip(values, (own, other), ratios, strict=True):
        whole = ops.cast(ops.round(value / ops.abs(step)), "int32")
        total = total + whole * ops.cast(ops.round(ratio * size), "int32")
    return ops.cast(ops.right_shift(total, shift), "float32")


def reduced(x, scale, zero, own, offset, count, share):
    """SUM and MEAN: stored integers are summed, zero points leave in float32, and so does the rounding.

    `own` and `offset` are scale and zero of the input, `count` how many values are summed, `share` what their
    sum is divided by.
    """
    ratio = own / scale * (1.0 / share)
    stored = ops.round(x * share / own) + offset * count
    return ops.round(stored * ratio + (zero - offset * count * ratio)) - zero


def multiplied(x, scale, zero, step):
    """LiteRT's own products: a factor between a half and 1 and a shift, each of which rounds."""
    return _rescaled(ops.round(x / step), step / scale)


def matrices(x, scale, zero, step, second):
    """BATCH_MATMUL of what is computed: XNNPACK takes it where the zero of the second factor, `second`, is 0."""
    return ops.where(second == 0, summed(x, scale, zero, step), multiplied(x, scale, zero, step))


def shifted(x, scale, zero, step):
    """Weights of 4 bits, which XNNPACK leaves to LiteRT: as `multiplied`, but a half is rounded up."""
    first, size = _factored(ops.round(x / step), step / scale)
    return ops.floor(first * size + 0.5)


def requantised(x, scale, zero, own):
    """QUANTIZE from integers to integers: the ratio has 8 bits behind the point."""
    return _in_eight_bits(ops.round(x / own), own / scale)


def sloped(x, scale, zero, value, own, slope):
    """LEAKY_RELU: as `requantised`, with a ratio for each side."""
    whole, ratio = ops.round(value / own), own / scale
    return _in_eight_bits(whole, ops.where(whole >= 0, ratio, ratio * slope))


def rooted(x, scale, zero, value, own):
    """SQRT cuts fractions off."""
    return ops.floor(ops.sqrt(ops.maximum(ops.round(value / own), 0.0) * own) / scale)


def inverted(x, scale, zero, value, own):
    """RSQRT of stored integers, with 20 bits behind the point, then as `multiplied`; the most for 0."""
    whole = ops.cast(ops.clip(ops.round(value / own), 0.0, len(ROOTS) - 1.0), "int32")
    roots = ops.take(ops.convert_to_tensor(ROOTS), whole, axis=0)
    ratio = 1.0 / (ops.sqrt(own) * scale) / 2.0**ROOT_BITS
    return ops.where(whole > 0, _rescaled(roots, ratio), float(len(ROOTS)))


def _inverse_roots():
    """`2^20 / sqrt(i)` for i from 0; three of them LiteRT's Newton iteration in fixed point misses by one."""
    found = np.rint(2.0**ROOT_BITS / np.sqrt(np.maximum(np.arange(256), 1)))
    found[[2, 8, 131]] -= 1
    return found.astype(np.float32)


ROOTS = _inverse_roots()


def _rescaled(total, ratio):
    first, size = _factored(total, ratio)
    return ops.sign(first) * ops.floor(ops.abs(first) * size + 0.5)


def _factored(total, ratio):
    """Integers by the factor of a ratio, rounded, and the shift to the right that is left; to the left it comes first."""
    size = _power(_exponent(ratio) + 1)
    left = ops.maximum(size, 1.0)
    return ops.floor(total * left * (ratio / size) + 0.5), size / left


def _in_eight_bits(whole, ratio):
    """Integers times a ratio with 8 bits behind the point; a half is rounded up."""
    return ops.floor(whole * ops.round(ratio * 2.0**SLOPE_BITS) / 2.0**SLOPE_BITS + 0.5)


def _exponent(ratio):
    """The largest power of two that is not above a ratio."""
    found = ops.cast(ops.floor(ops.log2(ratio)), "int32")
    rest = ratio / _power(found)
    return found + ops.cast(rest >= 2.0, "int32") - ops.cast(rest < 1.0, "int32")


def _power(exponent):
    """A power of two in float32, exactly."""
    one = ops.ones_like(exponent)
    above, below = (ops.left_shift(one, ops.clip(side, 0, MOST_SHIFTED)) for side in (exponent, -exponent))
    return ops.cast(above, "float32") / ops.cast(below, "float32")


NARROW = "4 bits"
"""What operators with weights of 4 bits count as."""

WEIGHTED = "weights"
"""What products with constant weights count as."""

WITHOUT_FACTS = {"AVERAGE_POOL_2D": away, "RESIZE_BILINEAR": up}
"""The kernels that need nothing but what they give, and round in another way than `nearest`."""

WITH_FACTS = {
    "ABS": multiplied,
    "ADD": added,
    "BATCH_MATMUL": matrices,
    "LEAKY_RELU": sloped,
    "MEAN": reduced,
    "QUANTIZE": requantised,
    "RELU": multiplied,
    "RSQRT": inverted,
    "SQRT": rooted,
    "SUB": added,
    "SUM": reduced,
    NARROW: shifted,
}
"""The kernels that compute with facts, see `facts.of`, in another way than `summed`."""


def steps(kind, x, scale, zero, facts):
    """What an operator's kernel gives, in steps of its scale above its zero, before the ends are cut off.

    Args:
        kind: The operator; `NARROW` or `WEIGHTED` for one with weights; None for an input.
        x: What it gives in real numbers, `(n, ...)`.
        scale, zero: Of the output.
        facts: What some kernels compute with; see theirs. None where that is not known.
    """
    zero = ops.round(zero)
    if facts is None:
        return WITHOUT_FACTS.get(kind, nearest)(x, scale, zero)
    return WITH_FACTS.get(kind, summed)(x, scale, zero, *facts)
