"""Weights and ranges that the twins of several signatures have together, as their graphs in the file do."""

from dataclasses import dataclass

import numpy as np

from .evaluating import weights_of

TOLERANCE = 1e-6  # of a weight, by the largest: what folding may round differently in two graphs
FEW = 8  # weights, that are a multiple of others by chance


@dataclass(eq=False)
class Weights:
    """The first values of an operator's weights, and the layer that has them."""

    kind: str
    kernel: np.ndarray
    bias: np.ndarray | None
    layer: object = None

    def factor(self, kind, kernel, bias):
        """What these weights are times those, as where the converter multiplied them with a constant; or None."""
        if self.kind != kind or self.kernel.shape != kernel.shape or (self.bias is None) != (bias is None):
            return None
        if _close(self.kernel, kernel) and (bias is None or _close(self.bias, bias)):
            return 1.0
        largest = np.abs(self.kernel).argmax()
        factor = float(kernel.flat[largest] / (self.kernel.flat[largest] or np.inf))
        few = kernel.size < FEW or not factor
        close = _close(factor * self.kernel, kernel) and (bias is None or _close(factor * self.bias, bias))
        return factor if close and not few else None


class Library:
    """What the graphs of a file have in common."""

    def __init__(self):
        self.weights, self.ranges, self.numbers = [], {}, {}

    def graph(self, structure, floats):
        """The `Shared` layers of one more graph; `floats` are the float file's weights, see `weights.of`."""
        return Shared(self, structure, floats)

    def find(self, kind, kernel, bias, taken):
        """The `Weights` with these values, that no other operator of the graph has, and their factor."""
        found = [(known, known.factor(kind, kernel, bias)) for known in self.weights if known not in taken]
        found = sorted((one for one in found if one[1] is not None), key=lambda one: one[1] != 1.0)
        if found:
            return found[0]
        self.weights.append(Weights(kind, kernel, bias))
        return self.weights[-1], 1.0

    def number(self, what):
        """The same number for what is computed in the same way."""
        return self.numbers.setdefault(what, len(self.numbers))


class Shared:
    """The layers of one graph, which take over what those of earlier graphs have.

    Two tensors are the same where the same operator computes them: one with the same weights, whatever it is
    given, or one without from tensors that are the same.
    """

    def __init__(self, library, structure, floats):
        self.library, self.layers, self.weights, self.factors = library, {}, {}, {}
        self.earlier = dict(library.ranges)
        for place, operator in enumerate(structure.operators):
            if operator.kernel is not None:
                values, taken = weights_of(structure, floats, operator), set(self.weights.values())
                found = library.find(operator.kind, *values, taken)
                self.weights[place], self.factors[place] = found
        self.keys = _keys(structure, library, self.weights, self.factors)

    def build(self, layer):
        """Give a `QuantizedOperator` its weights."""
        self.layers[layer.place] = layer
        weights = self.weights.get(layer.place)
        if weights is None:
            layer.build()
        elif weights.layer is not None:
            layer.take_over(weights.layer, self.factors[layer.place])
        else:
            layer.build()
            layer.kernel.assign(weights.kernel)
            if layer.bias is not None:
                layer.bias.assign(weights.bias)
            weights.layer = layer

    def build_range(self, layer, tensors):
        """Give an `ActivationRange` its ends; returns whether they are those of an earlier graph.

        Args:
            layer: The range.
            tensors: The indices of its sources.
        """
        key = frozenset(self.keys[index] for index in tensors)
        known = self.earlier.get(key)
        if key and known is not None and known.sources == layer.sources:
            layer.take_over(known)
            return True
        layer.build()
        self.library.ranges[key] = layer
        return False


def _keys(structure, library, weights, factors):
    """For each tensor that a graph computes or is given, the number of what it is."""
    keys = {}
    for entry in structure.signature.inputs:
        index = int(entry.tensorIndex)
        keys[index] = library.number(("input", entry.name, structure.scale(index)))
    for place, operator in enumerate(structure.operators):
        how = operator.kind, repr(sorted(operator.options.items()))
        if place in weights:
            given = id(weights[place]), factors[place]
        else:
            given = tuple(keys[i] if i in keys else _digest(structure, i) for i in operator.inputs)
        for slot, index in enumerate(operator.outputs):
            keys[index] = library.number((*how, given, slot))
    return keys


def _digest(structure, index):
    value = None if index is None else structure.constant(index)
    return None if value is None else (value.shape, value.tobytes())


def _close(known, given):
    return bool(np.abs(known - given).max(initial=0) <= TOLERANCE * np.abs(known).max(initial=0))
