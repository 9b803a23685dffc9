"""Compute once what depends on no input.

The converter leaves a few such operators, e.g. those on the zero state of an unrolled recurrent
layer. Quantisers skip them, which would leave float tensors in an integer file.
"""

import numpy as np

from .. import flatbuffer
from .ranges import keeping_interpreter


def fold_constants(float_file):
    """Replace operators whose inputs are all constant by their results.

    Returns:
        The new file's bytes; unchanged if there is no such operator.
    """
    model = flatbuffer.parse(float_file)
    graphs = {entry.signatureKey.decode(): entry.subgraphIndex for entry in model.signatureDefs}
    found = {name: _constant_operators(model, model.subgraphs[i]) for name, i in graphs.items()}
    if not any(found.values()):
        return bytes(float_file)
    interpreter = keeping_interpreter(float_file)
    for name, operators in found.items():
        if operators:
            _run_on_zeros(interpreter, name)
            _replace(model, graphs[name], operators, interpreter)
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


def _constant_operators(model, graph):
    known = {
        index for index, tensor in enumerate(graph.tensors) if flatbuffer.constant(model, tensor) is not None
    }
    found = []
    for operator in graph.operators or []:
        inputs = [index for index in operator.inputs if index != -1]
        if inputs and known.issuperset(inputs):
            known.update(operator.outputs)
            found.append(operator)
    return found


def _run_on_zeros(interpreter, name):
    run = interpreter.get_signature_runner(name)
    details = run.get_input_details().items()
    run(**{key: np.zeros(detail["shape"], detail["dtype"]) for key, detail in details})


def _replace(model, index, operators, interpreter):
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[index]
    for operator in operators:
        for output in operator.outputs:
            buffer = schema.BufferT()
            values = interpreter.get_tensor(output, index)
            buffer.data = np.ascontiguousarray(values).view(np.uint8).reshape(-1)
            model.buffers.append(buffer)
            graph.tensors[output].buffer = len(model.buffers) - 1
    graph.operators = [operator for operator in graph.operators if operator not in operators]
