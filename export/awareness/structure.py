"""What of an int8 file has to be known to compute like it: operators, scales, and which of these are one."""

import re
from dataclasses import dataclass

import numpy as np

from .. import flatbuffer
from ..errors import InvalidInput
from .kernels import NARROW, WEIGHTED
from .operators import FIXED, KERNELS, SEMANTICS, TIED

WORDS = {"padding": "Padding", "fusedActivationFunction": "ActivationFunctionType", "mode": "MirrorPadMode"}
"""Options that are codes of an enumeration of the schema."""

NARROWEST = 7
"""The largest weight of 4 bits."""

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]+")
MOST_OF_A_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The weights of an operator: tensors' indices, axis of the output channels, and largest integer."""

    weights: int
    bias: int | None
    axis: int | None
    largest: int


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the file; `inputs` holds tensors' indices, or None where an input is left out."""

    kind: str
    options: dict
    inputs: tuple
    outputs: tuple
    kernel: Kernel | None

    @property
    def rounds_as(self):
        """The name under which `kernels` has what its kernel does."""
        if self.kernel is None:
            return self.kind
        return NARROW if self.kernel.largest == NARROWEST else WEIGHTED


@dataclass(frozen=True)
class Structure:
    """One graph of an int8 file.

    `group` gives each quantised tensor the number of the scale it has; tensors of a group have the same.
    """

    model: object
    signature: object
    graph: object
    operators: tuple
    group: dict
    fixed: frozenset

    def tensor(self, index):
        return self.graph.tensors[index]

    def shape(self, index):
        return flatbuffer.shape_of(self.tensor(index))

    def dtype(self, index):
        return flatbuffer.type_name(self.tensor(index).type)

    def scale(self, index):
        """`(scale, zero point)` of a tensor that has one of each; None for others."""
        spread = self.tensor(index).quantization
        if spread is None or spread.scale is None or len(spread.scale) != 1 or self.dtype(index) != "int8":
            return None
        return float(spread.scale[0]), int(spread.zeroPoint[0])

    def output_name(self, operator):
        """The name of an operator's first output, by which the float file has it too."""
        return self.tensor(operator.outputs[0]).name.decode()

    def constant(self, index):
        """The value of a constant, in real numbers where it is quantised; None if it is computed."""
        tensor = self.tensor(index)
        stored = flatbuffer.constant(self.model, tensor)
        spread = tensor.quantization
        if stored is None or spread is None or spread.scale is None or not len(spread.scale):
            return stored
        return _real(stored, spread)


def read(content, signature, model=None):
    """The `Structure` of a signature of an int8 file, given as bytes, or parsed.

    Raises:
        InvalidInput: It has an operator that can't be trained.
    """
    model = model or flatbuffer.parse(content)
    entry = next(e for e in model.signatureDefs if e.signatureKey.decode() == signature)
    graph = model.subgraphs[entry.subgraphIndex]
    operators = tuple(_operator(model, graph, operator) for operator in graph.operators)
    strange = sorted({operator.kind for operator in operators} - set(SEMANTICS))
    if strange:
        raise InvalidInput(
            f"Training with simulated integers does not know the operators {', '.join(strange)}. "
            "Quantise this model after training, or replace the layers that need them."
        )
    structure = Structure(model, entry, graph, operators, {}, frozenset())
    group = _groups(structure)
    fixed = frozenset(
        group[i] for operator in operators if operator.kind in FIXED for i in operator.outputs if i in group
    )
    return Structure(model, entry, graph, operators, group, fixed)


def source_of(operator):
    """The index of the activation that an operator with weights takes."""
    return operator.inputs[2 if operator.kind == "TRANSPOSE_CONV" else 0]


def sources_of(structure):
    """For every group of tensors with one scale, those that are not computed from others of it."""
    sources = {}
    for index in map(int, structure.graph.inputs):
        if index in structure.group:
            sources.setdefault(structure.group[index], []).append(index)
    for operator in structure.operators:
        taken = {structure.group.get(i) for i in operator.inputs if i is not None}
        for index in operator.outputs:
            number = structure.group.get(index)
            if number is not None and not (operator.kind in TIED and number in taken):
                sources.setdefault(number, []).append(index)
    return sources


def readable(name):
    """A layer's name from that of a tensor, such as `net_1/block1_conv_1/Relu;net_1/block1_bn_1/add`."""
    parts = name.split(";")[0].split("/")
    parts = parts[1:] if len(parts) > 1 else parts
    return NOT_IN_NAMES.sub("_", "_".join(parts)).strip("_")[:MOST_OF_A_NAME] or "operator"


def _operator(model, graph, operator):
    kind = flatbuffer.operator_name(model, operator)
    inputs = tuple(None if i == -1 else int(i) for i in operator.inputs)
    return Operator(
        kind=kind,
        options=_options(operator),
        inputs=inputs,
        outputs=tuple(int(i) for i in operator.outputs),
        kernel=_kernel(model, graph, kind, inputs),
    )


def _options(operator):
    """The numbers and words among an operator's options."""
    found = {}
    for options in (operator.builtinOptions, operator.builtinOptions2):
        for name, value in vars(options).items() if options is not None else ():
            if name in WORDS:
                found[name] = flatbuffer.word(WORDS[name], value)
            elif name.endswith("DataType"):
                found[name] = flatbuffer.type_name(value)
            elif isinstance(value, (bool, int, float)):
                found[name] = value
    return found


def _kernel(model, graph, kind, inputs):
    if kind not in KERNELS:
        return None
    place, bias = KERNELS[kind]
    tensor = graph.tensors[inputs[place]]
    if flatbuffer.constant(model, tensor) is None:
        return None
    spread = tensor.quantization
    return Kernel(
        weights=inputs[place],
        bias=inputs[bias] if bias is not None and bias < len(inputs) else None,
        axis=int(spread.quantizedDimension) if len(spread.scale) > 1 else None,
        largest=NARROWEST if flatbuffer.type_name(tensor.type) == "int4" else 127,
    )


def _groups(structure):
    """The number of its scale for every quantised activation, and constants that share one."""
    leader = {}
    for operator in structure.operators:
        weights = {operator.kernel.weights, operator.kernel.bias} if operator.kernel else set()
        for index in (*operator.inputs, *operator.outputs):
            if index is not None and index not in weights and structure.scale(index):
                leader.setdefault(index, index)
    for index in structure.graph.inputs:
        if structure.scale(int(index)):
            leader.setdefault(int(index), int(index))

    def find(index):
        while leader[index] != index:
            index = leader[index]
        return index

    for operator in structure.operators:
        if operator.kind not in TIED:
            continue
        members = [i for i in (*operator.inputs, *operator.outputs) if i in leader]
        for index in members[1:]:
            if structure.scale(index) == structure.scale(members[0]):
                leader[find(index)] = find(members[0])
    return {index: find(index) for index in leader}


def _real(stored, spread):
    shape = [1] * stored.ndim
    if len(spread.scale) > 1:
        shape[spread.quantizedDimension] = len(spread.scale)
    scale = np.reshape(np.asarray(spread.scale, np.float32), shape)
    zero = np.asarray(spread.zeroPoint if spread.zeroPoint is not None else [0])
    zero = np.reshape(zero, shape) if len(zero) > 1 else int(zero[0])
    return ((stored.astype(np.float64) - zero) * scale).astype(np.float32)
