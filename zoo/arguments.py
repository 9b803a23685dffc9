"""Checks of the arguments that architectures take.

Each check returns the value in the form the architectures use, or raises a `ValueError` that says
what was given, what is possible and what to do next.
"""

import math
import operator


def image_shape(value, name="input_shape"):
    """`(height, width, channels)` as a tuple of positive integers."""
    shape = _sequence(value)
    if shape is None or len(shape) != 3 or not all(_is_positive(size) for size in shape):
        raise ValueError(
            f"{name}={value!r} is not the shape of an image: expected (height, width, channels), "
            "three positive integers without the batch axis, such as (28, 28, 1). "
            f"{_shape_advice(shape)}"
        )
    return tuple(map(operator.index, shape))


def shape(value, name="input_shape"):
    """One to three positive integers as a tuple: the shape of an example of any kind."""
    sizes = _sequence(value)
    if not sizes or len(sizes) > 3 or not all(_is_positive(size) for size in sizes):
        raise ValueError(
            f"{name}={value!r} is not the shape of an example: expected one to three positive integers "
            "without the batch axis. Pass (height, width, channels) for images, such as (28, 28, 1), "
            "(steps, channels) for signals, such as (140, 1), or (features,) for vectors."
        )
    return tuple(map(operator.index, sizes))


def positive(value, name):
    """A positive integer."""
    if not _is_positive(value):
        raise ValueError(
            f"{name}={value!r}: expected a positive integer. Pass {name}=1 or more, or leave it "
            "out for the default."
        )
    return operator.index(value)


def positives(value, name):
    """A non-empty tuple of positive integers."""
    numbers = _sequence(value)
    if not numbers or not all(_is_positive(number) for number in numbers):
        raise ValueError(
            f"{name}={value!r}: expected one or more positive integers, such as {name}=(32, 64). "
            "Leave it out for the default."
        )
    return tuple(map(operator.index, numbers))


def pair(value, name):
    """Two positive integers, for the height and the width; one stands for both."""
    if _is_positive(value):
        return (operator.index(value),) * 2
    return _two(positives(value, name), name)


def rate(value, name):
    """A fraction in `[0, 1)`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(
            f"{name}={value!r}: expected the fraction of units to drop, at least 0 and below 1. "
            f"Pass {name}=0.0 to drop none."
        )
    return float(value)


def multiplier(value, name):
    """A positive number that scales a size."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(
            f"{name}={value!r}: expected a positive number to multiply with. "
            f"Pass {name}=1.0 for the published size, {name}=0.5 for half of it."
        )
    return float(value)


def weight(value, name):
    """A positive number that a term of the loss is multiplied with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(
            f"{name}={value!r}: expected a positive number. Pass {name}=1.0 for a term that counts as it is."
        )
    return float(value)


def choice(value, name, possible):
    """One of `possible`."""
    if value not in possible:
        listed = ", ".join(map(repr, possible))
        raise ValueError(f"{name}={value!r}: expected one of {listed}. Pass one of them.")
    return value


def _sequence(value):
    if isinstance(value, (str, bytes)):
        return None
    try:
        return tuple(value)
    except TypeError:
        return None


def _is_positive(value):
    if isinstance(value, bool):
        return False
    try:
        return operator.index(value) > 0
    except TypeError:
        return False


def _two(numbers, name):
    if len(numbers) != 2:
        raise ValueError(
            f"{name}={numbers!r}: expected one integer or two, for height and width. "
            f"Pass {name}=2 or {name}=(2, 1)."
        )
    return numbers


def _shape_advice(shape):
    if shape and len(shape) == 4:
        return f"Leave out the batch axis: {shape[1:]!r}."
    if shape and len(shape) == 2:
        return f"Add the channel axis: {(*shape, 1)!r}."
    return "Sizes are fixed: a model for the edge is exported for one shape."
