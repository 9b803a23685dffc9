"""What the tensors of a file hold for given inputs, in real numbers without a rounding."""

import numpy as np
from keras import ops

from .operators import SEMANTICS
from .operators.operand import Operand


def evaluated(structure, floats, inputs):
    """The values of all tensors that a graph is given or computes.

    Args:
        structure: Of the graph in the int8 file.
        floats: The float file's weights, see `weights.of`.
        inputs: Arrays `(n, ...)` by the names of the graph's inputs.

    Returns:
        Arrays `(n, *shape)` by index, in the order in which they are computed.
    """
    values = {}
    for entry in structure.signature.inputs:
        index = int(entry.tensorIndex)
        values[index] = ops.reshape(inputs[entry.name.decode()], (-1, *structure.shape(index)))
    for operator in structure.operators:
        operands = _operands(structure, floats, operator, values)
        shapes = [structure.shape(i) for i in operator.outputs]
        several = len(shapes) > 1
        given = SEMANTICS[operator.kind](operands, operator.options, shapes if several else shapes[0])
        values |= zip(operator.outputs, given if several else [given], strict=True)
    return {index: np.asarray(value) for index, value in values.items()}


def weights_of(structure, floats, operator):
    """The float file's weights of an operator, or those of the int8 file where they can't be found there.

    Returns:
        Kernel and bias; None for what it has not.
    """
    kernel = operator.kernel
    if kernel is None:
        return None, None
    known = floats.get(structure.output_name(operator), {})
    bias = None if kernel.bias is None else known.get("bias", structure.constant(kernel.bias))
    return known.get("weights", structure.constant(kernel.weights)), bias


def _operands(structure, floats, operator, values):
    kernel, bias = weights_of(structure, floats, operator)
    found = []
    for index in operator.inputs:
        if index is None:
            found.append(None)
        elif index in values:
            found.append(Operand(values[index], True))
        elif operator.kernel and index == operator.kernel.weights:
            found.append(Operand(ops.convert_to_tensor(kernel), False))
        elif operator.kernel and index == operator.kernel.bias:
            found.append(Operand(ops.convert_to_tensor(bias), False))
        else:
            value = structure.constant(index)
            real = value.dtype == np.float32
            found.append(Operand(ops.convert_to_tensor(value) if real else value, False))
    return found
