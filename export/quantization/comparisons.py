"""Keep int8 comparisons off the steps that LiteRT's kernels get wrong.

EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL give wrong answers where the scale of what
they compare is 1 or more: LiteRT 2.3 finds every second pair of equal numbers different.
"""

import numpy as np

from .. import flatbuffer
from ..editing import replace

COMPARING = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
ONE = 127


def shrink(content):
    """Compare a share of both sides where a scale is 1 or more.

    The share is an int8 multiplication that leaves every stored integer as it is and makes the scale
    smaller, so nothing is rounded.

    Returns:
        The new file's bytes; the same as before if no comparison needs it.
    """

    def rule(edit, operator):
        largest = _largest_scale(edit.model, edit.graph, operator)
        if largest < 1:
            return None
        steps = [_scaled(edit, operator, place, 0.5 / largest) for place in range(len(operator.inputs))]
        operator.inputs = [step.outputs[0] for step in steps]
        return [*steps, operator]

    return replace(content, rule)


def steepest(content):
    """The largest scale of an int8 tensor that a file compares; 0 where it compares none."""
    model = flatbuffer.parse(content)
    scales = [
        _largest_scale(model, graph, operator)
        for graph in model.subgraphs
        for operator in graph.operators or []
    ]
    return max(scales, default=0.0)


def _largest_scale(model, graph, operator):
    if flatbuffer.operator_name(model, operator) not in COMPARING:
        return 0.0
    tensors = [graph.tensors[i] for i in operator.inputs]
    return max(
        float(tensor.quantization.scale[0]) if flatbuffer.type_name(tensor.type) == "int8" else 0.0
        for tensor in tensors
    )


def _scaled(edit, operator, place, factor):
    """A multiplication of one input by a factor, as a change of its scale alone."""
    source = edit.graph.tensors[operator.inputs[place]]
    name, spread = f"{edit.name(operator)}/share{place}", source.quantization
    output = edit.quantized(
        flatbuffer.shape_of(source), name, float(spread.scale[0]) * factor, int(spread.zeroPoint[0])
    )
    values = flatbuffer.add_buffer(edit.model, np.array(ONE, np.int8))
    share = edit.quantized((), f"{name}_factor", factor / ONE, 0, values)
    return edit.operator("MUL", [operator.inputs[place], share], output)
