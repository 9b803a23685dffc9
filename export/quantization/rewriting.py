"""Write operators without an integer kernel as others that have one.

The result is equal in exact arithmetic. It is only ever the source of an integer file: in float32
the original operators are at least as fast.
"""

import numpy as np

from .. import flatbuffer


def rewrite(float_file, names):
    """Replace the named operators, keys of `REWRITES`, wherever they compute in float32.

    Returns:
        The new file's bytes; unchanged if none of the operators occurs.
    """
    model = flatbuffer.parse(float_file)
    replaced = False
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators or []:
            name = flatbuffer.operator_name(model, operator)
            output = graph.tensors[operator.outputs[0]] if operator.outputs else None
            if name in names and flatbuffer.type_name(output.type) == "float32":
                operators += REWRITES[name](_Editor(model, graph), operator)
                replaced = True
            else:
                operators.append(operator)
        graph.operators = operators
    if not replaced:
        return bytes(float_file)
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


# The schema's options table of each operator written here that has one.
OPTIONS = {
    "ADD": "AddOptions",
    "EXP": "ExpOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MUL": "MulOptions",
    "SUB": "SubOptions",
}


class _Editor:
    """Adds tensors and operators to one graph of a model."""

    def __init__(self, model, graph):
        self.model, self.graph = model, graph

    def scalar(self, value, name):
        """The index of a new constant of one float32 value."""
        from ai_edge_litert import schema_py_generated as schema

        buffer = schema.BufferT()
        buffer.data = np.array([value], np.float32).view(np.uint8)
        self.model.buffers.append(buffer)
        return self._tensor((), len(self.model.buffers) - 1, name)

    def like(self, index, name):
        """The index of a new activation with the shape of another tensor."""
        return self._tensor(flatbuffer.shape_of(self.graph.tensors[index]), 0, name)

    def name(self, operator):
        """The name of an operator's output, on which new names build to stay unique."""
        return self.graph.tensors[operator.outputs[0]].name.decode()

    def operator(self, kind, inputs, output, activation="NONE"):
        """A new operator; `activation` is for those that can fuse one."""
        from ai_edge_litert import schema_py_generated as schema

        made = schema.OperatorT()
        made.opcodeIndex = flatbuffer.operator_code(self.model, kind)
        made.inputs, made.outputs = list(inputs), [output]
        if kind in OPTIONS:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[kind])
            made.builtinOptions = getattr(schema, OPTIONS[kind] + "T")()
        if hasattr(made.builtinOptions, "fusedActivationFunction"):
            code = getattr(schema.ActivationFunctionType, activation)
            made.builtinOptions.fusedActivationFunction = code
        return made

    def _tensor(self, shape, buffer, name):
        from ai_edge_litert import schema_py_generated as schema

        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), schema.TensorType.FLOAT32, buffer
        tensor.name = name.encode()
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1


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
        return [operator]
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


REWRITES = {
    "ELU": _elu,
    "NEG": _negate,
    "SQUARE": _square,
    "SQUARED_DIFFERENCE": _squared_difference,
    "LEAKY_RELU": _leaky_relu,
    "HARD_SWISH": _hard_swish,
}

# What neither quantiser knows in int8, and what has no int16 kernel.
FOR_INT8 = ("ELU", "NEG", "SQUARE")
FOR_INT16 = ("HARD_SWISH", "LEAKY_RELU", "NEG", "SQUARE", "SQUARED_DIFFERENCE")
