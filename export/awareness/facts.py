"""What the kernels of operators without weights compute with, beside what they give in real numbers."""

import math

SIGNS = {"ADD": 1.0, "SUB": -1.0}


def of(structure, operator, values, grids, constants=()):
    """The facts of an operator for `kernels.steps`; None where its kernel needs none, or they are not known.

    Args:
        structure: Of the int8 file.
        operator: One of its operators.
        values: Tensors by index, of what is computed.
        grids: Scale and zero by the number of the group that has them, of what is computed.
        constants: Tensors `(1, *shape)` of the operator's constants, in order, where its layer gives them.
    """
    find = FACTS.get(operator.kind)
    taken = [i for i in operator.inputs if i in structure.group]
    if find is None or operator.kernel is not None or not any(i in values for i in taken):
        return None
    known = [grids[structure.group[i]] if i in values else _fixed(structure, i) for i in taken]
    if None in known:
        return None
    single = next(scale for i, (scale, _) in zip(taken, known, strict=True) if i in values)
    scales, zeros = ([_as(single, number) for number in numbers] for numbers in zip(*known, strict=True))
    constants = iter(constants)
    tensors = [values[i] if i in values else next(constants, None) for i in taken]
    return find(structure, operator, tensors, scales, zeros)


def _fixed(structure, index):
    """Scale and zero of a constant that shares them with nothing; None of another."""
    number = structure.group[index]
    shared = any(other == number and i != index for i, other in structure.group.items())
    return None if shared else structure.scale(index)


def _as(single, number):
    """A number as a tensor of the model that `single` is of."""
    return single * 0.0 + number if isinstance(number, (int, float)) else number


def _product(structure, operator, values, scales, zeros):
    return [scales[0] * scales[-1]]


def _matrix_product(structure, operator, values, scales, zeros):
    return [scales[0] * scales[-1], zeros[-1]]


def _scaled(structure, operator, values, scales, zeros):
    return [scales[0]]


def _root(structure, operator, values, scales, zeros):
    return [values[0], scales[0]]


def _slope(structure, operator, values, scales, zeros):
    return [values[0], scales[0], _as(scales[0], operator.options["alpha"])]


def _sum(structure, operator, values, scales, zeros):
    return [*values, scales[0], scales[-1] * SIGNS[operator.kind]]


def _reduction(structure, operator, values, scales, zeros):
    taken, given = (math.prod(structure.shape(i)) for i in (operator.inputs[0], operator.outputs[0]))
    count = _as(scales[0], taken / given)
    share = count if operator.kind == "MEAN" else _as(scales[0], 1.0)
    return [scales[0], zeros[0], count, share]


FACTS = {
    "ABS": _scaled,
    "ADD": _sum,
    "BATCH_MATMUL": _matrix_product,
    "LEAKY_RELU": _slope,
    "MEAN": _reduction,
    "MUL": _product,
    "QUANTIZE": _scaled,
    "RELU": _scaled,
    "RSQRT": _root,
    "SQRT": _root,
    "SUB": _sum,
    "SUM": _reduction,
}
