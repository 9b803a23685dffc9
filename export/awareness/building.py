"""From the int8 file of a model to a Keras model that computes like it and can be trained."""

from collections.abc import Mapping

import keras
import numpy as np

from ..quantization.rewriting import WINDOW
from ..signatures import flat_inputs
from . import facts
from .operator_layer import QuantizedOperator
from .operators import MOVES
from .ranges import HIGHEST, LOWEST, ActivationRange
from .sharing import Library
from .structure import readable, source_of, sources_of


def build(model, structure, floats, template, method, known, library=None, acting=None, name=None):
    """The trainable model of one signature of a file.

    Args:
        model: The model it was made from, or its `Interface`, for the names and the order of inputs and outputs.
        structure: Of its int8 file.
        floats: The float file's weights, see `weights.of`.
        template: A `QuantizedTemplate` that holds the file.
        method, known: See `ActivationRange`.
        library: A `Library` of the layers that twins of other signatures have, to share weights and ranges with.
        acting: `Acting` layers by the index of the tensor that each gives.
        name: Of the new model.
    """
    maker, signature = _Maker(structure, floats, method, known, library, acting), structure.signature
    places = {entry.name.decode(): int(entry.tensorIndex) for entry in signature.inputs}
    inputs = {
        name: keras.Input(structure.shape(places[name])[1:], name=name, dtype=tensor.dtype)
        for name, tensor in flat_inputs(model).items()
    }
    maker.names.update([*inputs, template.name])
    for i, (given, tensor) in enumerate(inputs.items()):
        marked = template(tensor) if i == 0 else tensor
        maker.enter(places[given], marked)
    for place, operator in enumerate(structure.operators):
        maker.apply(operator, place)
    places = {entry.name.decode(): int(entry.tensorIndex) for entry in signature.outputs}
    outputs = {given: maker.leave(places[given], given) for given in template.file_outputs}
    if not isinstance(model.output, Mapping):
        outputs = keras.tree.pack_sequence_as(model.output, list(outputs.values()))
    inputs = keras.tree.pack_sequence_as(model.input, list(inputs.values()))
    return keras.Model(inputs, outputs, name=name or f"{model.name}_aware")


class _Maker:
    """Makes layers operator by operator, and keeps what each tensor of the file is in the new model."""

    def __init__(self, structure, floats, method, known, library, acting):
        self.structure, self.floats, self.method, self.known = structure, floats, method, known
        self.values, self.grids, self.names = {}, {}, set()
        self.sources = sources_of(structure)
        self.ranges, self.acting = {}, acting or {}
        self.shared = (library or Library()).graph(structure, floats)

    def enter(self, index, tensor):
        shape = self.structure.shape(index)
        name = self._unique(f"{tensor.name}_stacked")
        value = keras.layers.Reshape(shape, name=name, dtype=tensor.dtype)(tensor)
        self._keep(index, self._rounded(index, value, name))

    def leave(self, index, name):
        shape = self.structure.shape(index)
        return keras.layers.Reshape(shape[1:], name=self._unique(f"{name}_output"), dtype="float32")(
            self.values[index]
        )

    def apply(self, operator, place):
        """Add an operator's layer, and the ranges of what it gives."""
        given = [i for i in operator.inputs if i in self.values]
        name = self._unique(readable(self.structure.tensor(operator.outputs[0]).name.decode()))
        layer = self._layer(operator, place, name)
        values = [self.values[i] for i in given]
        if operator.kernel is not None:
            values.append(self.grids[self.structure.group[source_of(operator)]][0])
        results = layer(values if len(values) > 1 else values[0])
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        known = results[1:]
        if operator.kernel is None:
            known = facts.of(self.structure, operator, self.values, self.grids, known)
        for index, result in zip(operator.outputs, results, strict=False):
            if not self._on_grid(operator, index):
                result = self._rounded(index, result, name, operator, known)
            self._keep(index, result)

    def _keep(self, index, value):
        """Hand on what a tensor of the file is; in training it is what a layer that acts there makes of it."""
        self.values[index] = value
        if index not in self.acting:
            return
        acting = self.acting[index]
        layer = acting.made(self._unique(acting.name), self.shared.layers, self.structure.shape(index))
        value = layer([self.values[acting.source], value])
        self.values[index] = value if acting.same else self._rounded(index, value, layer.name)

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
        self.shared.build(layer)
        reals = (
            i
            for i, operand in zip(operator.inputs, operands, strict=True)
            if operand and operand[0] == "real"
        )
        for weight, index in zip(layer.constants, reals, strict=True):
            weight.assign(self.structure.constant(index))
        return layer

    def _pools(self, kernel):
        """Whether a kernel stands for the mean of a window."""
        return self.structure.tensor(kernel.weights).name.decode().endswith(WINDOW)

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

    def _rounded(self, index, value, name, operator=None, known=None):
        if index not in self.structure.group:
            return value
        number = self.structure.group[index]
        if number not in self.ranges:
            self.ranges[number] = self._range(number, index, name)
        source = self.sources.get(number, []).index(index) if index in self.sources.get(number, []) else None
        rounded, *self.grids[number] = self.ranges[number](
            value,
            facts=known,
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
        if not self.shared.build_range(layer, self.sources.get(number, [])) and layer.known:
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
