"""Every operator of a file as a file of its own, to be run by itself."""

import copy

from . import flatbuffer


class Cut:
    """The operators of a file's first graph, by their places in it.

    What an operator takes becomes the input of its file. Constants stay constants, also those that the graph
    computes from others when it is loaded, as it does with float16 weights.
    """

    def __init__(self, content):
        self._model = flatbuffer.parse(content)
        self._graph = self._model.subgraphs[0]
        self._operators = list(self._graph.operators or [])
        self._makers = _constant_makers(self._model, self._graph)

    def __len__(self):
        return len(self._operators)

    def kind(self, place):
        """What the operator's time depends on: its options, and what its tensors are but for their values.

        None for an operator that has nothing to do once the file is loaded.
        """
        operator = self._operators[place]
        if any(operator is maker for maker in self._makers.values()):
            return None
        options = [_plain(each) for each in (operator.builtinOptions, operator.builtinOptions2)]
        tensors = [i if i == -1 else self._described(i) for i in (*operator.inputs, *operator.outputs)]
        return repr((flatbuffer.operator_name(self._model, operator), options, tensors))

    def file(self, place):
        """The bytes of a file of the operator alone."""
        main = self._operators[place]
        operators = self._with_makers(main)
        indices = [i for each in operators for i in _tensors(each)]
        places = {old: new for new, old in enumerate(dict.fromkeys(i for i in indices if i != -1))}
        piece = copy.copy(self._graph)
        piece.tensors = [copy.copy(self._graph.tensors[old]) for old in places]
        piece.operators = [_renumbered(operator, places) for operator in operators]
        given = dict.fromkeys(int(i) for i in main.inputs if self._is_given(int(i)))
        piece.inputs = [places[i] for i in given]
        piece.outputs = [places[int(i)] for i in main.outputs]
        others = map(_copied, self._model.subgraphs[1:]) if _calls(main) else ()
        return self._whole([piece, *others])

    def empty(self):
        """The bytes of a file that gives its first input back."""
        piece = copy.copy(self._graph)
        piece.tensors = [copy.copy(self._graph.tensors[int(self._graph.inputs[0])])]
        piece.operators, piece.inputs, piece.outputs = [], [0], [0]
        return self._whole([piece])

    def _whole(self, graphs):
        part = copy.copy(self._model)
        part.subgraphs, part.signatureDefs, part.metadata = graphs, [], None
        flatbuffer.drop_unused(part)
        return flatbuffer.serialise(part)

    def _described(self, index):
        tensor = self._graph.tensors[index]
        return flatbuffer.shape_of(tensor), tensor.type, _is_constant(self._model, tensor)

    def _is_given(self, index):
        """Whether an operator's input is computed at every inference."""
        if index == -1 or index in self._makers:
            return False
        tensor = self._graph.tensors[index]
        return not _is_constant(self._model, tensor) and not tensor.isVariable

    def _with_makers(self, operator):
        """An operator after those that make its constants."""
        found = []
        for maker in (self._makers[int(i)] for i in operator.inputs if int(i) in self._makers):
            found += [each for each in self._with_makers(maker) if each not in found]
        return [*found, operator]


def _constant_makers(model, graph):
    """A dict from the tensors computed from nothing but constants to the operators that do it."""
    known = {i for i, tensor in enumerate(graph.tensors) if _is_constant(model, tensor)}
    makers = {}
    for operator in graph.operators or []:
        inputs = {int(i) for i in operator.inputs if i != -1}
        if inputs and inputs <= known:
            makers |= {int(i): operator for i in operator.outputs}
            known |= set(makers)
    return makers


def _is_constant(model, tensor):
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _plain(options):
    return None if options is None else sorted((name, str(value)) for name, value in vars(options).items())


def _tensors(operator):
    return [int(i) for field in FIELDS for i in _listed(getattr(operator, field))]


FIELDS = ("inputs", "outputs", "intermediates")


def _renumbered(operator, places):
    made = copy.copy(operator)
    for field in FIELDS:
        setattr(made, field, [places.get(int(i), -1) for i in _listed(getattr(operator, field))])
    return made


def _copied(graph):
    """A graph whose tensors and operators can be renumbered without a change to the first one's."""
    made = copy.copy(graph)
    made.tensors = [copy.copy(tensor) for tensor in graph.tensors]
    made.operators = [copy.copy(operator) for operator in graph.operators or []]
    return made


def _calls(operator):
    """Whether an operator runs another graph."""
    found = [each for each in (operator.builtinOptions, operator.builtinOptions2) if each is not None]
    return any(name.lower().endswith(("subgraphindex", "subgraph")) for each in found for name in vars(each))


def _listed(values):
    return [] if values is None else list(values)
