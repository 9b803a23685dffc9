"""What the lists of a target say about a file, one finding an operator or tensor."""

from .. import flatbuffer
from .findings import Finding
from .limits import exceeded
from .pieces import is_constant, runtime_inputs
from .target import get_target

UNKNOWN = "Replace the layer by one of those that are supported, or end the model before it."
FOREIGN = "Replace the layer: the runtime would need a kernel of its author's."
FLOATS = ("float32", "float16", "float64", "bfloat16")


def listed(model, device):
    """The `Finding` objects of a parsed file and a `Target`, not yet `grouped`."""
    unable = refused_elsewhere(model, device)
    graphs = model.subgraphs if device.signatures else model.subgraphs[:1]
    for graph in graphs:
        if not graph.operators:
            continue
        for operator in graph.operators:
            yield from _operator(model, graph, operator, device, unable)
        for tensor in _computed(model, graph):
            yield from _tensor(tensor, device)
        if device.constants:
            yield from _constants(model, graph, device)


def refused_elsewhere(model, device):
    """The operators of a file that the fallback of a target does not run either."""
    if not device.falls_to:
        return frozenset()
    findings = listed(model, get_target(device.falls_to))
    return frozenset(finding.subject for finding in findings if finding.stops)


def _operator(model, graph, operator, device, unable):
    name = flatbuffer.operator_name(model, operator)
    places = tuple(_name(graph.tensors[index]) for index in operator.outputs)
    # Neither a foreign operator nor one that the fallback lacks has a kernel anywhere.
    foreign = name not in set(flatbuffer.builtin_names())
    goes = device.fallback and not foreign and name not in unable
    fate = {"places": places, "stops": not goes}
    goes_to = f"; it goes to {device.fallback}" if goes else ""
    if name not in device.operators:
        problem = "is no operator of LiteRT" if foreign else f"is not among the operators of {device.runtime}"
        remedy = FOREIGN if foreign else _remedy(name, device)
        yield Finding(subject=name, problem=problem + goes_to, remedy=remedy, **fate)
        return
    for problem, remedy in exceeded(model, graph, operator, device.operators[name]):
        remedy = remedy or _remedy(name, device)
        yield Finding(subject=name, problem=problem + goes_to, remedy=remedy, **fate)
    if not device.hybrid and _is_hybrid(model, graph, operator):
        yield Finding(
            subject=name,
            problem="multiplies float inputs by integer weights, which is not possible there",
            remedy=f"Make the file in {' or '.join(device.precisions)} instead of dynamic_int8.",
            places=places,
        )


def _remedy(name, device):
    own = device.remedies.get(name)
    return own or (get_target(device.falls_to).remedies.get(name) if device.falls_to else None) or UNKNOWN


def _is_hybrid(model, graph, operator):
    tensors = [graph.tensors[index] for index in operator.inputs if index >= 0]
    constants = {flatbuffer.type_name(tensor.type) for tensor in tensors if is_constant(model, tensor)}
    outputs = {flatbuffer.type_name(graph.tensors[index].type) for index in operator.outputs}
    quantising = flatbuffer.operator_name(model, operator) in ("DEQUANTIZE", "QUANTIZE")
    return bool(not quantising and outputs & {*FLOATS} and constants & {"int8", "int4"} and len(tensors) > 1)


def _computed(model, graph):
    """The tensors that a graph is given or computes, each once."""
    indices = dict.fromkeys(int(index) for index in graph.inputs)
    for operator in graph.operators:
        indices |= dict.fromkeys(runtime_inputs(model, graph, operator))
        indices |= dict.fromkeys(int(index) for index in operator.outputs)
    return [graph.tensors[index] for index in indices]


def _tensor(tensor, device):
    kind, shape, places = flatbuffer.type_name(tensor.type), flatbuffer.shape_of(tensor), (_name(tensor),)
    if kind not in device.types:
        yield Finding(
            subject=f"{kind} tensor",
            problem=f"is none of {', '.join(device.types)}, which {device.runtime} computes with",
            remedy=f"Make the file in {' or '.join(device.precisions)}.",
            places=places,
            stops=device.strict or not device.fallback,
        )
    signature = tensor.shapeSignature
    open_axes = signature is not None and any(axis < 0 for axis in signature)
    if (open_axes or min(shape, default=1) < 1) and not device.open_shapes:
        yield Finding(
            subject="tensor of open shape",
            problem=f"has an axis without a fixed size, which {device.runtime} can't plan memory for",
            remedy="Convert with a fixed batch of 1, as `export.to_tflite` does.",
            places=places,
        )
    if device.ranks is not None and len(shape) > device.ranks:
        yield Finding(
            subject=f"tensor of {len(shape)} axes",
            problem=f"has more than {device.ranks}; what computes it goes to {device.fallback}",
            remedy="Merge two axes with a reshape.",
            places=places,
            stops=not device.fallback,
        )
    outer = shape[: -device.innermost] if device.innermost else ()
    if any(axis > 1 for axis in outer):
        yield Finding(
            subject=f"tensor of shape {'×'.join(map(str, shape))}",
            problem=f"is longer than 1 outside its {device.innermost} innermost axes; what computes it"
            f" goes to {device.fallback}",
            remedy="Merge the outer axes with others, and keep a batch of 1.",
            places=places,
            stops=not device.fallback,
        )


def _constants(model, graph, device):
    read = {int(index) for operator in graph.operators for index in operator.inputs if index >= 0}
    for tensor in (graph.tensors[index] for index in sorted(read)):
        kind = flatbuffer.type_name(tensor.type)
        if is_constant(model, tensor) and kind not in device.constants:
            yield Finding(
                subject=f"{kind} weights",
                problem=f"are none of {', '.join(device.constants)}, which {device.runtime} reads",
                remedy=f"Make the file in {' or '.join(device.precisions)}.",
                places=(_name(tensor),),
            )


def _name(tensor):
    return tensor.name.decode(errors="replace") if tensor.name else "a tensor without a name"
