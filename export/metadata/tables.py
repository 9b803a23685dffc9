"""Write flatbuffer tables given as Python values.

A table is a list with a value for each field of its schema, in the schema's order: None for what is left
out, a string, a NumPy scalar, a NumPy vector, a `Table`, or a list of tables or strings. A union takes two
fields, the number of its member and the table.
"""

import numpy as np


class Table(list):
    """The fields of one table."""


def to_bytes(root, identifier):
    """A finished flatbuffer.

    Args:
        root: A `Table`.
        identifier: The schema's four bytes.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_written(builder, root), file_identifier=identifier)
    return bytes(builder.Output())


def _written(builder, value):
    """The place of a value that lies outside its table."""
    if isinstance(value, Table):
        return _table(builder, value)
    if isinstance(value, list):
        return _vector(builder, [_written(builder, item) for item in value])
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    return builder.CreateString(value)


def _table(builder, fields):
    # Whatever a table points at has to be written before it is begun.
    values = [
        field if field is None or isinstance(field, np.generic) else _written(builder, field)
        for field in fields
    ]
    builder.StartObject(len(fields))
    for slot, value in enumerate(values):
        if isinstance(value, np.generic):
            _prepend_scalar(builder, slot, value)
        elif value is not None:
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    return builder.EndObject()


def _prepend_scalar(builder, slot, value):
    prepend = {
        "uint8": builder.PrependUint8Slot,
        "uint32": builder.PrependUint32Slot,
        "float32": builder.PrependFloat32Slot,
    }
    prepend[value.dtype.name](slot, value.item(), 0)


def _vector(builder, places):
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()
