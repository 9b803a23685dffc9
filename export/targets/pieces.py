"""Parts of a file: what runs when it is called without a name, and its operators one by one."""

import copy

from .. import flatbuffer


def main_part(content):
    """A file that holds only what its first graph needs, which runtimes without signatures run.

    The same bytes if there is nothing to leave out, or if the graph calls another.
    """
    model = flatbuffer.parse(content)
    if len(model.subgraphs) == 1 or _calls_another(model.subgraphs[0]):
        return bytes(content)
    model.subgraphs = model.subgraphs[:1]
    model.signatureDefs = [entry for entry in model.signatureDefs or [] if entry.subgraphIndex == 0]
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


def _calls_another(graph):
    for operator in graph.operators or []:
        for options in (operator.builtinOptions, operator.builtinOptions2):
            fields = () if options is None else vars(options)
            if any(name.lower().endswith(("subgraphindex", "subgraph")) for name in fields):
                return True
    return False


def operators(content):
    """Each operator of the first graph: its name, a file of it alone, and the tensors this one takes.

    The tensors are given by their indices in the whole file, without the constant ones.
    """
    model = flatbuffer.parse(content)
    graph = model.subgraphs[0]
    for operator in graph.operators or []:
        part, piece = copy.copy(model), copy.copy(graph)
        piece.tensors = [copy.copy(tensor) for tensor in graph.tensors]
        piece.inputs = runtime_inputs(model, graph, operator)
        piece.outputs, piece.operators = list(operator.outputs), [copy.copy(operator)]
        part.subgraphs, part.signatureDefs, part.metadata = [piece], [], None
        flatbuffer.drop_unused(part)
        yield flatbuffer.operator_name(model, operator), flatbuffer.serialise(part), piece.inputs


def runtime_inputs(model, graph, operator):
    """The indices of an operator's inputs that the graph computes or is given, each once."""
    indices = dict.fromkeys(int(index) for index in operator.inputs if index >= 0)
    return [index for index in indices if not is_constant(model, graph.tensors[index])]


def is_constant(model, tensor):
    """Whether a tensor's values are in the file."""
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0
