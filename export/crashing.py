"""Find the operator at which LiteRT crashes."""

from . import flatbuffer, layers
from .errors import WorkerDied
from .process import JobFailed, shared
from .scratch import scratch_folder


def culprit(content, timeout):
    """The first operator without which a file does not crash its process, as text, or None.

    Files of its first operators only are run in the child, in bisection.
    """
    model = flatbuffer.parse(content)
    for place, signature in enumerate(model.signatureDefs):
        operators = model.subgraphs[signature.subgraphIndex].operators
        if not operators or not _crashes(_first(content, place, len(operators)), timeout):
            continue
        safe, bad = 0, len(operators)
        while bad - safe > 1:
            middle = (safe + bad) // 2
            if _crashes(_first(content, place, middle), timeout):
                bad = middle
            else:
                safe = middle
        graph, operator = model.subgraphs[signature.subgraphIndex], operators[bad - 1]
        return f"{flatbuffer.operator_name(model, operator)} of {layers.label(model, graph, operator)!r}"
    return None


def _first(content, place, count):
    """A file that gives what the last of the first `count` operators of a signature computes."""
    model = flatbuffer.parse(content)
    signature = model.signatureDefs[place]
    graph = model.subgraphs[signature.subgraphIndex]
    graph.operators = graph.operators[:count]
    last = int(graph.operators[-1].outputs[0])
    graph.outputs = [last]
    signature.outputs = signature.outputs[:1]
    signature.outputs[0].tensorIndex = last
    model.signatureDefs = [signature]
    return flatbuffer.serialise(model)


def _crashes(content, timeout):
    with scratch_folder() as scratch:
        file = scratch / "part.tflite"
        file.write_bytes(content)
        try:
            shared.call("run", timeout, file=str(file))
        except JobFailed:
            return False
        except WorkerDied:
            return True
    return False
