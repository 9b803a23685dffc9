"""A bound on what decoding a `.tflite` flatbuffer takes, before it is decoded.

Damaged offsets let vectors overlap, so that a few bytes describe billions of entries. In a file that a
converter wrote, every entry of a vector and every letter of a name has bytes of its own.
"""

from functools import cache

from .errors import InvalidFile

SHARED = 4
"""How often the same bytes may be read, on average: writers may let equal names share theirs."""

TEXTS = ("CustomCode", "Description", "Name", "SignatureKey")
SIZES = ("LargeCustomOptionsSize", "Size")
"""Bytes that lie behind the flatbuffer."""

LISTS = {
    "Model": ("OperatorCodes", "Subgraphs", "Buffers", "Metadata", "SignatureDefs"),
    "SignatureDef": ("Inputs", "Outputs"),
    "SparsityParameters": ("DimMetadata",),
    "SubGraph": ("Tensors", "Operators"),
    "Tensor": ("VariantTensors",),
}
SINGLE = {"Tensor": ("Quantization", "Sparsity")}
UNIONS = {
    "DimMetadata": {"ArrayIndices": "SparseIndexVector", "ArraySegments": "SparseIndexVector"},
    "Operator": {"BuiltinOptions": "BuiltinOptions", "BuiltinOptions2": "BuiltinOptions2"},
    "QuantizationParameters": {"Details": "QuantizationDetails"},
}


def check_decodable(content):
    """Raise `InvalidFile` if decoding would read a file's bytes many times over."""
    from ai_edge_litert import schema_py_generated as schema

    left = SHARED * len(content)
    for length in _lengths(schema.Model.GetRootAs(content, 0)):
        left -= length
        if left < 0:
            raise InvalidFile(
                f"The file of {len(content)} bytes declares lists that are longer than the file, or that"
                " overlap: it is damaged. Convert the model again."
            )


def _lengths(table):
    """The length of every vector and text in a table, each before what it holds is looked at."""
    kind = type(table).__name__
    for method in _measures(type(table)):
        yield getattr(table, method)()
    for method in _texts(type(table)):
        yield len(getattr(table, method)() or b"")
    for field in LISTS.get(kind, ()):
        for index in range(getattr(table, f"{field}Length")()):
            yield from _lengths_of(getattr(table, field)(index))
    for field in SINGLE.get(kind, ()):
        yield from _lengths_of(getattr(table, field)())
    for field, union in UNIONS.get(kind, {}).items():
        yield from _lengths_of(_member(table, field, union))


def _lengths_of(table):
    return () if table is None else _lengths(table)


def _member(table, field, union):
    """The table in a union, or None where there is none or the schema does not know it."""
    from ai_edge_litert import schema_py_generated as schema

    held = getattr(table, field)()
    made = _members(union).get(getattr(table, f"{field}Type")())
    if held is None or made is None:
        return None
    member = getattr(schema, made)()
    member.Init(held.Bytes, held.Pos)
    return member


@cache
def _members(union):
    from ai_edge_litert import schema_py_generated as schema

    members = vars(getattr(schema, union)).items()
    return {code: name for name, code in members if isinstance(code, int) and hasattr(schema, name)}


@cache
def _measures(kind):
    return tuple(name for name in vars(kind) if name.endswith("Length") or name in SIZES)


@cache
def _texts(kind):
    return tuple(name for name in TEXTS if name in vars(kind))
