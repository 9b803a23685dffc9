"""Replace operators of a `.tflite` file by others."""

import numpy as np

from . import flatbuffer


def replace(content, rule):
    """Apply a rule to every operator of every graph.

    Args:
        content: The file's bytes.
        rule: Called with an `Editor` and an operator; gives the operators to put in its place, or
            None to leave it.

    Returns:
        The new file's bytes; the same as before if no rule applied.
    """
    model = flatbuffer.parse(content)
    replaced = False
    for graph in model.subgraphs:
        operators, edit = [], Editor(model, graph)
        for operator in graph.operators or []:
            instead = rule(edit, operator)
            operators += [operator] if instead is None else instead
            replaced = replaced or instead is not None
        graph.operators = operators
    if not replaced:
        return bytes(content)
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


# The schema's options table of each operator written here that has one.
OPTIONS = {
    "ADD": "AddOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "EXP": "ExpOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MUL": "MulOptions",
    "SUB": "SubOptions",
}


class Editor:
    """Adds tensors and operators to one graph of a model."""

    def __init__(self, model, graph):
        self.model, self.graph = model, graph

    def buffer(self, values):
        """The index of a new buffer that holds float32 values."""
        from ai_edge_litert import schema_py_generated as schema

        buffer = schema.BufferT()
        buffer.data = np.ascontiguousarray(values, np.float32).view(np.uint8).ravel()
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def scalar(self, value, name):
        """The index of a new constant of one float32 value."""
        return self.tensor((), name, self.buffer([value]))

    def like(self, index, name):
        """The index of a new activation with the shape of another tensor."""
        return self.tensor(flatbuffer.shape_of(self.graph.tensors[index]), name)

    def tensor(self, shape, name, buffer=0):
        """The index of a new float32 tensor; a constant if a buffer holds its values."""
        from ai_edge_litert import schema_py_generated as schema

        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), schema.TensorType.FLOAT32, buffer
        tensor.name = name.encode()
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def quantized(self, shape, name, scale, zero_point, buffer=0):
        """The index of a new int8 tensor with one scale."""
        from ai_edge_litert import schema_py_generated as schema

        index = self.tensor(shape, name, buffer)
        spread = schema.QuantizationParametersT()
        spread.scale, spread.zeroPoint = [scale], [zero_point]
        self.graph.tensors[index].type = schema.TensorType.INT8
        self.graph.tensors[index].quantization = spread
        return index

    def name(self, operator):
        """The name of an operator's output, on which new names build to stay unique."""
        return self.graph.tensors[operator.outputs[0]].name.decode()

    def kind(self, operator):
        """The schema's name of an operator."""
        return flatbuffer.operator_name(self.model, operator)

    def is_float(self, operator):
        """Whether an operator gives float32 values."""
        if not len(operator.outputs):
            return False
        output = self.graph.tensors[operator.outputs[0]]
        return flatbuffer.type_name(output.type) == "float32"

    def shape(self, index):
        """The shape of a tensor."""
        return flatbuffer.shape_of(self.graph.tensors[index])

    def constant(self, index):
        """The value of a constant tensor, or None if the graph computes it."""
        return flatbuffer.constant(self.model, self.graph.tensors[index])

    def operator(self, kind, inputs, output, activation="NONE", **options):
        """A new operator; `activation` is for those that can fuse one."""
        from ai_edge_litert import schema_py_generated as schema

        made = schema.OperatorT()
        made.opcodeIndex = flatbuffer.operator_code(self.model, kind)
        made.inputs, made.outputs = list(inputs), [output]
        if kind in OPTIONS:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[kind])
            made.builtinOptions = getattr(schema, OPTIONS[kind] + "T")()
        for option, value in options.items():
            setattr(made.builtinOptions, option, value)
        if hasattr(made.builtinOptions, "fusedActivationFunction"):
            code = getattr(schema.ActivationFunctionType, activation)
            made.builtinOptions.fusedActivationFunction = code
        return made
