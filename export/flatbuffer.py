"""Read a `.tflite` flatbuffer into objects that can be edited, and write it back.

The layout is the schema of TensorFlow Lite, version 3 (`tensorflow/lite/schema/schema.fbs`).
"""

from functools import cache

import numpy as np

from .errors import InvalidFile
from .remembering import ByContent

IDENTIFIER = b"TFL3"
_DECODABLE = ByContent()


def parse(content):
    """The file as a `ModelT` whose buffers hold `uint8` arrays.

    Raises:
        InvalidFile: The bytes are no flatbuffer of the TFLite schema, or they are damaged.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    from .decoding import check_decodable
    from .structure import check_structure

    content = bytes(content)
    if len(content) < 8 or content[4:8] != IDENTIFIER:
        raise InvalidFile(
            f"These {len(content)} bytes are not a .tflite file: bytes 4 to 8 are {content[4:8]!r},"
            f" expected {IDENTIFIER!r}. Give the bytes of a converted model, or its path."
        )
    try:
        _DECODABLE.get(content, lambda: check_decodable(content))
        model = flatbuffer_utils.read_model_from_bytearray(content)
        check_structure(model, content)
    except InvalidFile:
        raise
    # A damaged offset surfaces as whatever the decoder trips over.
    except Exception as error:
        raise InvalidFile(
            f"The file of {len(content)} bytes is damaged ({type(error).__name__}: {error}). "
            "Convert the model again."
        ) from error
    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    return model


def serialise(model):
    """The bytes of a `ModelT`, with every buffer inside the flatbuffer.

    Buffers appended behind the flatbuffer, which the quantiser writes for larger models, can't be
    read by TensorFlow Lite Micro.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def add_buffer(model, values):
    """The index of a new buffer that holds an array."""
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.ascontiguousarray(values).view(np.uint8).ravel()
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def drop_unused(model):
    """Remove the buffers and operator codes that nothing refers to; buffer 0 stays, by convention.

    So do the values of tensors that no operator reads any more. TensorFlow's quantiser refuses a model
    that lists an operator it has no kernel for, used or not.
    """
    for graph in model.subgraphs:
        _empty_unread(graph)
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    holders = [*tensors, *(model.metadata or [])]
    model.buffers = _compacted(model.buffers, holders, "buffer", always=(0,))
    operators = [operator for graph in model.subgraphs for operator in graph.operators or []]
    model.operatorCodes = _compacted(model.operatorCodes, operators, "opcodeIndex")


def _empty_unread(graph):
    """Point tensors that no operator takes or gives at buffer 0, which is empty."""
    lists = [graph.inputs, graph.outputs]
    for operator in graph.operators or []:
        lists += [operator.inputs, operator.outputs, operator.intermediates]
    read = {int(i) for indices in lists for i in _listed(indices)}
    for i, tensor in enumerate(graph.tensors):
        if i not in read:
            tensor.buffer = 0


def _compacted(items, holders, field, always=()):
    """The items that holders point at by index; the holders are renumbered."""
    kept = sorted({*always, *(int(getattr(holder, field)) for holder in holders)})
    place = {old: new for new, old in enumerate(kept)}
    for holder in holders:
        setattr(holder, field, place[int(getattr(holder, field))])
    return [items[old] for old in kept]


def reorder(model, order):
    """Put the graphs in the order of their present indices, and keep every reference to them."""
    place = {old: new for new, old in enumerate(order)}
    model.subgraphs = [model.subgraphs[old] for old in order]
    for signature in model.signatureDefs or []:
        signature.subgraphIndex = place[signature.subgraphIndex]
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            for options in (operator.builtinOptions, operator.builtinOptions2):
                _renumber(options, place)


def _renumber(options, place):
    """Options that call another graph name it by its index: `bodySubgraphIndex`, `subgraph`."""
    for field, value in vars(options).items() if options is not None else ():
        if field.lower().endswith(("subgraphindex", "subgraph")) and value in place:
            setattr(options, field, place[value])


def type_name(code):
    """The schema's name of a tensor type in lower case: `float32`, `int8`, ..."""
    return _names("TensorType")[code].lower()


def word(enumeration, code):
    """The schema's name of a code of an enumeration: `SAME`, `RELU6`, ..."""
    return _names(enumeration)[code]


def item_size(code):
    """Bytes an element of a tensor type takes; None where elements are packed or vary in size."""
    bits = item_bits(code)
    return None if bits is None or bits % 8 else bits // 8


def item_bits(code):
    """Bits an element of a tensor type takes; None where elements vary in size."""
    name = type_name(code)
    if name == "bool":
        return 8
    digits = name.lstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits) if digits.isdigit() else None


def codes(enumeration):
    """The numbers that the schema has names for."""
    return _names(enumeration).keys()


def builtin_names():
    """The names of all operators the schema knows."""
    return _names("BuiltinOperator").values()


def operator_name(model, operator):
    """The schema's name of an operator; a custom one by the name its author gave it."""
    code = model.operatorCodes[operator.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = _names("BuiltinOperator")[builtin]
    return code.customCode.decode() if name == "CUSTOM" and code.customCode else name


def operator_code(model, name, version=1):
    """The index of a builtin operator's code of at least a version, added where it is missing."""
    from ai_edge_litert import schema_py_generated as schema

    code = getattr(schema.BuiltinOperator, name)
    for index, known in enumerate(model.operatorCodes):
        if max(known.builtinCode, known.deprecatedBuiltinCode) == code:
            known.version = max(known.version, version)
            return index
    entry = schema.OperatorCodeT()
    # The older field holds codes below 127 and tells old readers to look at the newer one above.
    entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), version
    model.operatorCodes.append(entry)
    return len(model.operatorCodes) - 1


def constant(model, tensor):
    """The value of a constant tensor, or None if the graph computes it."""
    data = model.buffers[tensor.buffer].data
    if data is None or not len(data):
        return None
    shape, name = shape_of(tensor), type_name(tensor.type)
    if name == "int4":
        return unpack_int4(data, int(np.prod(shape))).reshape(shape)
    return np.frombuffer(data, name).reshape(shape)


def pack_int4(values):
    """Integers from -8 to 7 as bytes, two in each, the first in the lower half."""
    flat = np.ravel(values).astype(np.int8).view(np.uint8) & 15
    flat = np.append(flat, np.zeros(flat.size % 2, np.uint8))
    return flat[0::2] | flat[1::2] << 4


def unpack_int4(data, count):
    """The `count` integers, as int8, that `pack_int4` packed."""
    halves = np.stack([data & 15, data >> 4], -1).ravel()[:count]
    return (halves.astype(np.int8) ^ 8) - 8


def shape_of(tensor):
    """The tensor's shape as a tuple of ints."""
    return tuple(int(side) for side in (tensor.shape if tensor.shape is not None else ()))


@cache
def _names(enumeration):
    from ai_edge_litert import schema_py_generated as schema

    members = vars(getattr(schema, enumeration)).items()
    return {value: name for name, value in members if isinstance(value, int)}


def _listed(values):
    return [] if values is None else list(values)
