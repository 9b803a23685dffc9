"""Which tensors of a file stand for which of its float file."""

import copy

from . import flatbuffer


class Pairs:
    """The tensors that both files compute for a signature, in the order in which the float file does."""

    def __init__(self, model, other, signature):
        self.model = model
        entries = [_entry(file, signature) for file in (model, other)]
        self.graphs = [entry.subgraphIndex for entry in entries]
        graph, twin = (file.subgraphs[entry.subgraphIndex] for file, entry in zip((model, other), entries))
        self.graph = graph
        makers = {int(i): operator for operator in graph.operators or [] for i in operator.outputs}
        places = _places(twin) | _counterparts(*entries)
        self.makers, self.pairs = [], []
        for index in dict.fromkeys([*map(int, graph.inputs), *makers]):
            found = places.get(index, places.get(graph.tensors[index].name))
            if found is not None and _comparable(graph.tensors[index], twin.tensors[found]):
                self.makers.append(makers.get(index))
                self.pairs.append([index, found, *_spread(twin.tensors[found])])

    def apart(self):
        """The float file with every operator on its own, and the inputs that stand for its tensors.

        Each tensor of a pair is computed as before, but read from a new input of the graph, so that the
        operators after it can be given the file's values.

        Returns:
            The bytes, and a list of `[input, number of its pair]`.
        """
        model = copy.deepcopy(self.model)
        order = [self.graphs[0], *(i for i in range(len(model.subgraphs)) if i != self.graphs[0])]
        flatbuffer.reorder(model, order)
        graph, twins = model.subgraphs[0], {}
        for number, (index, *_) in enumerate(self.pairs):
            twin = copy.copy(graph.tensors[index])
            twin.name = twin.name + b"/given"
            graph.tensors.append(twin)
            twins[index] = [len(graph.tensors) - 1, number]
        for operator in graph.operators or []:
            operator.inputs = [twins[int(i)][0] if int(i) in twins else i for i in operator.inputs]
        graph.inputs = [twin for twin, _ in twins.values()]
        model.signatureDefs = []
        return flatbuffer.serialise(model), list(twins.values())


def _entry(model, signature):
    return next(entry for entry in model.signatureDefs if entry.signatureKey.decode() == signature)


def _places(graph):
    """The index of every tensor that is an input or computed, by a name that no other one has."""
    computed = [*graph.inputs, *(i for operator in graph.operators or [] for i in operator.outputs)]
    found = {}
    for index in dict.fromkeys(map(int, computed)):
        name = graph.tensors[index].name
        found[name] = None if name in found else index
    return found


def _counterparts(entry, other):
    """The tensors that both files give the same name to callers, from index to index."""
    found = {}
    for side in ("inputs", "outputs"):
        named = {place.name: int(place.tensorIndex) for place in getattr(other, side)}
        for place in getattr(entry, side):
            if place.name in named:
                found[int(place.tensorIndex)] = named[place.name]
    return found


def _comparable(tensor, other):
    """Whether the float file's tensor holds real numbers and the other one as many, as such or as steps."""
    same = flatbuffer.shape_of(tensor) == flatbuffer.shape_of(other)
    real = flatbuffer.type_name(other.type) == "float32" or bool(_spread(other)[0])
    return same and real and flatbuffer.type_name(tensor.type) == "float32"


def _spread(tensor):
    """Scale and zero point of a tensor; a scale of 0 for one that is not quantised."""
    given = tensor.quantization
    if given is None or given.scale is None or not len(given.scale):
        return 0.0, 0
    return float(given.scale[0]), int(given.zeroPoint[0]) if given.zeroPoint is not None else 0
