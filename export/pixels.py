"""Let an int8 file take and give bytes without a sign, as cameras and MediaPipe Tasks do."""

from . import flatbuffer
from .contents import inspect, read
from .errors import InvalidInput
from .metadata.embedding import keep_packed


def take_pixels(tflite, normalization=None):
    """A file with uint8 in the place of int8 inputs and outputs, each behind one QUANTIZE operator.

    MediaPipe Tasks feeds pixels to a uint8 input as they are and refuses an int8 one. Everything between
    inputs and outputs stays as it is.

    Args:
        tflite: An int8 file's path, or its bytes.
        normalization: None, or the `Normalization` by which pixels became the model's input. The inputs that
            are images then take the pixels themselves; else their scale stays and the zero point moves by
            128.

    Returns:
        The new file's bytes.

    Raises:
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: The file has no int8 input, or no scale says what the normalisation does.
    """
    content = read(tflite)
    described = inspect(content).signatures
    if not any(tensor.dtype == "int8" for part in described.values() for tensor in part.inputs):
        given = ", ".join(f"{t.name} ({t.dtype})" for part in described.values() for t in part.inputs)
        raise InvalidInput(f"Only int8 inputs can take bytes in their place; the file has {given}.")
    pixels = None if normalization is None else _spread(normalization)
    model = flatbuffer.parse(content)
    for entry in model.signatureDefs:
        graph = model.subgraphs[entry.subgraphIndex]
        for place in entry.inputs:
            image = len(flatbuffer.shape_of(graph.tensors[place.tensorIndex])) == 4
            _change(model, graph, place, "inputs", pixels if image else None)
        for place in entry.outputs:
            _change(model, graph, place, "outputs", None)
    return keep_packed(content, flatbuffer.serialise(model))


def _spread(normalization):
    """Scale and zero point of a uint8 tensor that holds pixels: `(pixel - mean) / std`."""
    mean, std = set(normalization.mean), set(normalization.std)
    if len(mean) == len(std) == 1:
        (zero_point,), (deviation,) = mean, std
        if zero_point == int(zero_point) and 0 <= zero_point <= 255 and deviation > 0:
            return 1 / deviation, int(zero_point)
    raise InvalidInput(
        f"A uint8 tensor has one scale and a zero point from 0 to 255, and can't hold {normalization}: give a"
        " normalization with one integer mean and one deviation for all channels, or leave it out."
    )


def _change(model, graph, place, side, spread):
    """Put a uint8 tensor in the place of an int8 one, on one side of a graph."""
    old, indices = place.tensorIndex, list(getattr(graph, side))
    if flatbuffer.type_name(graph.tensors[old].type) != "int8":
        return
    new = _twin(graph, old, spread)
    place.tensorIndex = new
    setattr(graph, side, [new if index == old else index for index in indices])
    pair = ([new], [old]) if side == "inputs" else ([old], [new])
    step = _quantize(model, *pair)
    graph.operators = [step, *graph.operators] if side == "inputs" else [*graph.operators, step]


def _twin(graph, index, spread):
    """The index of a new uint8 tensor, the same real values as an int8 one where `spread` is None."""
    from ai_edge_litert import schema_py_generated as schema

    old, new = graph.tensors[index], schema.TensorT()
    scale, zero_point = spread or (old.quantization.scale[0], int(old.quantization.zeroPoint[0]) + 128)
    new.shape, new.type, new.buffer = old.shape, schema.TensorType.UINT8, 0
    new.name, new.shapeSignature = old.name + b"_uint8", old.shapeSignature
    new.quantization = schema.QuantizationParametersT()
    new.quantization.scale, new.quantization.zeroPoint = [float(scale)], [zero_point]
    graph.tensors.append(new)
    return len(graph.tensors) - 1


def _quantize(model, inputs, outputs):
    from ai_edge_litert import schema_py_generated as schema

    step = schema.OperatorT()
    step.opcodeIndex = flatbuffer.operator_code(model, "QUANTIZE")
    step.inputs, step.outputs = inputs, outputs
    return step
