"""From the int8 file of a model to a Keras model that computes like it and can be trained."""

import re

import keras
import numpy as np

from ..quantization.rewriting import WINDOW
from ..signatures import flat_inputs
from .operator_layer import QuantizedOperator
from .operators import MOVES, TIED
from .ranges import HIGHEST, LOWEST, ActivationRange
from .structure import source_of

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]+")
MOST_OF_A_NAME = 60
SIGNS = {"ADD": 1.0, "SUB": -1.0}


def build(model, structure, floats, template, method, known):
    """The trainable model of one signature of a file.

    Args:
        model: The model it was made from, for the names and the order of inputs and outputs.
        structure: Of its int8 file.
        floats: The float file's weights, see `weights.of`.
        template: A `QuantizedTemplate` that holds the file.
        method, known: See `ActivationRange`.
    """
    maker, signature = _Maker(structure, floats, method, known), structure.signature
    places = {entry.name.decode(): int(entry.tensorIndex) for entry in signature.inputs}
    inputs = {
        name: keras.Input(structure.shape(places[name])[1:], name=name, dtype=tensor.dtype)
        for name, tensor in flat_inputs(model).items()
    }
    maker.names.update([*inputs, template.name])
    for i, (name, tensor) in enumerate(inputs.items()):
        marked = template(tensor) if i == 0 else tensor
        maker.enter(places[name], marked)
    for place, operator in enumerate(structure.operators):
        maker.apply(operator, place)
    places = {entry.name.decode(): int(entry.tensorIndex) for entry in signature.outputs}
    outputs = {name: maker.leave(places[name], name) for name in template.file_outputs}
    return keras.Model(
        keras.tree.pack_sequence_as(model.input, list(inputs.values())),
        keras.tree.pack_sequence_as(model.output, list(outputs.values())),
        name=f"{model.name}_aware",
    )


class _Maker:
    """Makes layers operator by operator, and keeps what each tensor of the file is in the new model."""

    def __init__(self, structure, floats, method, known):
        self.structure, self.floats, self.method, self.known = structure, floats, method, known
        self.values, self.scales, self.names = {}, {}, set()
        self.sources = _sources(structure)
        self.ranges = {}

    def enter(self, index, tensor):
        shape = self.structure.shape(index)
        name = self._unique(f"{tensor.name}_stacked")
        value = keras.layers.Reshape(shape, name=name, dtype=tensor.dtype)(tensor)
        self.values[index] = self._rounded(index, value, name)

    def leave(self, index, name):
        shape = self.structure.shape(index)
        return keras.layers.Reshape(shape[1:], name=self._unique(f"{name}_output"), dtype="float32")(
            self.values[index]
        )

    def apply(self, operator, place):
        """Add an operator's layer, and the ranges of what it gives."""
        given = [i for i in operator.inputs if i in self.values]
        name = self._unique(_readable(self.structure.tensor(operator.outputs[0]).name.decode()))
        layer = self._layer(operator, place, name)
        values = [self.values[i] for i in given]
        if layer.bias is not None:
            values.append(self.scales[self.structure.group[source_of(operator)]])
        results = layer(values if len(values) > 1 else values[0])
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        facts = results[1:] if layer.bias is not None else self._facts(operator)
        for index, result in zip(operator.outputs, results, strict=False):
            if not self._on_grid(operator, index):
                result = self._rounded(index, result, name, operator, facts)
            self.values[index] = result

    def _layer(self, operator, place, name):
        kernel, operands = operator.kernel, [self._operand(operator, i) for i in operator.inputs]
        layer = QuantizedOperator(
            operator.kind,
            operator.options,
            operands,
            [[list(self.structure.shape(i)), self._dtype(i)] for i in operator.outputs],
            place,
            kernel={
                "shape": list(self.structure.shape(kernel.weights)),
                "axis": kernel.axis,
                "largest": kernel.largest,
            }
            if kernel
            else None,
            bias=self.structure.shape(kernel.bias)[0] if kernel and kernel.bias is not None else None,
            name=name,
            dtype="float32",
            trainable=kernel is None or not self._pools(kernel),
        )
        layer.build()
        reals = (
            i
            for i, operand in zip(operator.inputs, operands, strict=True)
            if operand and operand[0] == "real"
        )
        for weight, index in zip(layer.constants, reals, strict=True):
            weight.assign(self.structure.constant(index))
        self._fill(layer, operator)
        return layer

    def _pools(self, kernel):
        """Whether a kernel stands for the mean of a window."""
        return self.structure.tensor(kernel.weights).name.decode().endswith(WINDOW)

    def _fill(self, layer, operator):
        """Give a layer the float file's weights, or those of the int8 file where they can't be found there."""
        for weight, index, name in zip(
            (layer.kernel, layer.bias),
            (operator.kernel.weights, operator.kernel.bias) if operator.kernel else (),
            ("weights", "bias"),
            strict=False,
        ):
            if weight is not None:
                known = self.floats.get(self.structure.output_name(operator), {}).get(name)
                weight.assign(self.structure.constant(index) if known is None else known)

    def _operand(self, operator, index):
        """How an input comes to the layer; see `QuantizedOperator`."""
        if index is None:
            return None
        if index in self.values:
            return ["activation"]
        if operator.kernel and index == operator.kernel.weights:
            return ["kernel"]
        if operator.kernel and index == operator.kernel.bias:
            return ["bias"]
        value = self.structure.constant(index)
        if value.dtype == np.float32:
            return ["real", list(value.shape)]
        return ["whole", value.tolist()]

    def _on_grid(self, operator, index):
        """Whether what an operator gives needs no rounding."""
        group = self.structure.group
        if index not in group:
            return True
        computed = [i for i in operator.inputs if i in self.values and i in group]
        constants = any(i not in self.values and i in group for i in operator.inputs if i is not None)
        same = computed and all(group[i] == group[index] for i in computed)
        return operator.kind in MOVES and bool(same) and not constants

    def _facts(self, operator):
        """What the kernel of an operator computes with; None where it needs, or gets, none."""
        group = self.structure.group
        if not all(i in self.values and i in group for i in operator.inputs):
            return None
        values = [self.values[i] for i in operator.inputs]
        scales = [self.scales[group[i]] for i in operator.inputs]
        if operator.kind in SIGNS:
            return [*values, scales[0], scales[1] * SIGNS[operator.kind]]
        if operator.kind == "BATCH_MATMUL":
            return [scales[0] * scales[1]]
        if operator.kind == "LEAKY_RELU":
            return [*values, *scales, scales[0] * 0.0 + operator.options["alpha"]]
        return None

    def _rounded(self, index, value, name, operator=None, facts=None):
        if index not in self.structure.group:
            return value
        number = self.structure.group[index]
        if number not in self.ranges:
            self.ranges[number] = self._range(number, index, name)
        source = self.sources.get(number, []).index(index) if index in self.sources.get(number, []) else None
        rounded, self.scales[number] = self.ranges[number](
            value,
            facts,
            source=source,
            kind=operator.rounds_as if operator else None,
            floor=bool(operator) and operator.options.get("fusedActivationFunction") in ("RELU", "RELU6"),
        )
        return rounded

    def _range(self, number, index, name):
        fixed = number in self.structure.fixed
        layer = ActivationRange(
            "fixed" if fixed else self.method,
            sources=max(1, len(self.sources.get(number, []))),
            known=self.known or fixed,
            tensors=[i for i, other in self.structure.group.items() if other == number],
            name=self._unique(f"{name}_range"),
            dtype="float32",
        )
        layer.build()
        if layer.known:
            layer.spread(*self._reach(layer.tensors))
        return layer

    def _reach(self, tensors):
        """The lowest and the highest value that tensors of the file can hold."""
        spans = []
        for scale, zero in map(self.structure.scale, tensors):
            spans.append(((LOWEST - zero) * scale, (HIGHEST - zero) * scale))
        return min(low for low, _ in spans), max(high for _, high in spans)

    def _dtype(self, index):
        return "float32" if self.structure.scale(index) else self.structure.dtype(index)

    def _unique(self, name):
        candidate, number = name, 1
        while candidate in self.names:
            number += 1
            candidate = f"{name}_{number}"
        self.names.add(candidate)
        return candidate


def _sources(structure):
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


def _readable(name):
    """A layer's name from that of a tensor, such as `net_1/block1_conv_1/Relu;net_1/block1_bn_1/add`."""
    parts = name.split(";")[0].split("/")
    parts = parts[1:] if len(parts) > 1 else parts
    return NOT_IN_NAMES.sub("_", "_".join(parts)).strip("_")[:MOST_OF_A_NAME] or "operator"
