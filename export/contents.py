"""What a `.tflite` file holds, read from its bytes without running it."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from . import flatbuffer
from .errors import InvalidFile, InvalidInput
from .layers import label
from .remembering import ByContent
from .structure import reading

FLOATS = ("float32", "float16", "float64", "bfloat16")

WEIGHTED = ("BATCH_MATMUL", "CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "EMBEDDING_LOOKUP", "FULLY_CONNECTED")
WEIGHTED += ("GATHER", "TRANSPOSE_CONV")
BITS = {"float32": 32, "float16": 16, "int8": 8, "uint8": 8, "int4": 4}

_FOUND = ByContent()


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output of a file.

    `scale` is 0 for a tensor that is not quantised; else `real = scale * (stored - zero_point)`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The inputs and outputs a file is called with under one name."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a `.tflite` file holds.

    `operators` counts over all graphs of the file. `flex` names operators that need the TensorFlow
    runtime, `custom` those that need a kernel of their author's. `float_operators` counts the
    operators that compute in floating point, `constants` the bytes of weights of each type,
    `activations` the tensors of each type that operators give. `weight_bits` maps the layer of each
    convolution, dense layer or embedding to the bits of one of its weights. `signatures` has the main
    one first.
    """

    bytes: int
    sha256: str
    operators: Mapping[str, int]
    float_operators: Mapping[str, int]
    flex: tuple[str, ...]
    custom: tuple[str, ...]
    float_tensors: tuple[str, ...]
    constants: Mapping[str, int]
    signatures: Mapping[str, Signature]
    activations: Mapping[str, int] = field(default_factory=dict)
    weight_bits: Mapping[str, int] = field(default_factory=dict)

    @property
    def precision(self):
        """The entry of `PRECISIONS` that describes the file."""
        main = next(iter(self.signatures.values()))
        # The first and the last layer may have more bits than the others.
        dtypes = {tensor.dtype for tensor in (*main.inputs, *main.outputs)} | set(self.activations)
        if dtypes & {"int8", "uint8"}:
            return "int4" if "int4" in self.constants else "int8"
        if "int16" in dtypes:
            return "int16x8"
        if "int8" in self.constants:
            return "dynamic_int8"
        return "float16" if "float16" in self.constants else "float32"


def inspect(tflite):
    """Read what a file holds.

    Args:
        tflite: The file's path, or its bytes.

    Raises:
        InvalidFile: It is not a `.tflite` file, or it is damaged.
    """
    content = read(tflite)
    return _FOUND.get(content, lambda: _contents(content))


def _contents(content):
    model = flatbuffer.parse(content)
    with reading(content):
        return _of_model(content, model)


def _of_model(content, model):
    names = [
        flatbuffer.operator_name(model, operator)
        for graph in model.subgraphs
        for operator in graph.operators or []
    ]
    builtin = set(flatbuffer.builtin_names())
    foreign = sorted({name for name in names if name not in builtin})
    return Contents(
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        operators=_counted(names),
        float_operators=_counted(_float_operators(model)),
        flex=tuple(name for name in foreign if name.startswith("Flex")),
        custom=tuple(name for name in foreign if not name.startswith("Flex")),
        float_tensors=tuple(_float_tensors(model)),
        constants=_constants(model),
        activations=_activations(model),
        weight_bits=_weight_bits(model),
        signatures=MappingProxyType(_signatures(model)),
    )


def read(tflite):
    """The bytes of a file given as its path or as bytes."""
    if isinstance(tflite, (bytes, bytearray, memoryview)):
        return bytes(tflite)
    if not isinstance(tflite, (str, Path)):
        raise InvalidInput(f"Expected the path or the bytes of a .tflite file, not {type(tflite).__name__}.")
    try:
        return Path(tflite).read_bytes()
    except OSError as error:
        raise InvalidFile(f"{tflite} can't be read: {error.strerror}.") from error


def _counted(names):
    return MappingProxyType(dict(sorted(Counter(names).items())))


def _is_float(tensor):
    return flatbuffer.type_name(tensor.type) in FLOATS


def _float_tensors(model):
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if _is_float(tensor):
                yield tensor.name.decode(errors="replace")


def _float_operators(model):
    """Operators that write a float tensor, other than the conversion from and to integers."""
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            name = flatbuffer.operator_name(model, operator)
            if name != "DEQUANTIZE" and any(_is_float(graph.tensors[i]) for i in operator.outputs):
                yield name


def _constants(model):
    sizes = Counter()
    seen = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data) and tensor.buffer not in seen:
                seen.add(tensor.buffer)
                sizes[flatbuffer.type_name(tensor.type)] += len(data)
    return MappingProxyType(dict(sorted(sizes.items())))


def _activations(model):
    return _counted(
        flatbuffer.type_name(graph.tensors[i].type)
        for graph in model.subgraphs
        for operator in graph.operators or []
        for i in operator.outputs
    )


def _weight_bits(model):
    """Bits of each constant of two or more axes that a layer multiplies by, by the layer's name."""
    bits, buffers = {}, set()
    for graph, operator in _operators(model, WEIGHTED):
        for tensor in (graph.tensors[i] for i in operator.inputs if i != -1):
            data = model.buffers[tensor.buffer].data
            kind = flatbuffer.type_name(tensor.type)
            held = data is not None and len(data) and len(flatbuffer.shape_of(tensor)) > 1
            if held and kind in BITS and tensor.buffer not in buffers:
                buffers.add(tensor.buffer)
                bits[_fresh(label(model, graph, operator), bits)] = BITS[kind]
    return MappingProxyType(bits)


def _operators(model, names):
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            if flatbuffer.operator_name(model, operator) in names:
                yield graph, operator


def _fresh(name, taken):
    """The name, with a number where another layer of it came before."""
    number = 1
    while (fresh := name if number == 1 else f"{name} ({number})") in taken:
        number += 1
    return fresh


def _signatures(model):
    definitions = sorted(model.signatureDefs or [], key=lambda entry: entry.subgraphIndex)
    if not definitions:
        raise InvalidFile(
            "The file has no signature, so its inputs and outputs have no names. Convert the model "
            "with `export.to_tflite`, or from a SavedModel."
        )
    return {
        entry.signatureKey.decode(): Signature(
            inputs=_described(model, entry, entry.inputs),
            outputs=_described(model, entry, entry.outputs),
        )
        for entry in definitions
    }


def _described(model, signature, entries):
    tensors = model.subgraphs[signature.subgraphIndex].tensors
    return tuple(describe(entry.name.decode(), tensors[entry.tensorIndex]) for entry in entries)


def describe(name, tensor):
    """The `Tensor` of a name and the schema's `TensorT`."""
    shape, dtype = flatbuffer.shape_of(tensor), flatbuffer.type_name(tensor.type)
    spread = tensor.quantization
    if spread is None or spread.scale is None or not len(spread.scale):
        return Tensor(name=name, shape=shape, dtype=dtype)
    zero_points = spread.zeroPoint if spread.zeroPoint is not None else [0]
    return Tensor(
        name=name,
        shape=shape,
        dtype=dtype,
        scale=float(spread.scale[0]),
        zero_point=int(zero_points[0]),
    )
