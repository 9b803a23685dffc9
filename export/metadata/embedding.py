"""Write metadata into a `.tflite` file in TFLite's own format, and take it out again.

The format: a flatbuffer of `metadata_schema.fbs` (version 1.5) in the model's buffer `TFLITE_METADATA`, and
the files that it names as a zip archive behind the model, stored without compression
(https://ai.google.dev/edge/litert/conversion/tensorflow/metadata). What runs is not touched.
"""

import io
import json
import zipfile

import numpy as np

from .. import flatbuffer
from ..contents import inspect, read
from ..errors import InvalidInput
from ..structure import reading
from . import tables
from .description import labels_of, normalization_of
from .tables import Table

BUFFER = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"
"""The least version of the schema that has every field that is written here."""

RECIPE_FILE = "recipe.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes, whenever it was written

# Numbers of the schema's enumerations and of its unions' members.
UNKNOWN_FILE, AXIS_LABELS = np.uint8(0), np.uint8(2)
NORMALIZATION = np.uint8(1)
FEATURE, IMAGE = np.uint8(1), np.uint8(2)
COLOURS = {3: np.uint8(1), 1: np.uint8(2)}


def write_metadata(tflite, metadata):
    """A file with metadata inside; what it held before gives way.

    Args:
        tflite: The file's path, or its bytes.
        metadata: A `Metadata`.

    Returns:
        The new file's bytes.

    Raises:
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: The labels or the normalisation do not fit the file, or the recipe is no JSON.
    """
    content = read(tflite)
    signatures = inspect(content).signatures
    files, names = _labels_files(labels_of(metadata, signatures))
    if metadata.recipe:
        files[RECIPE_FILE] = _json(metadata.recipe)
    normalization = normalization_of(metadata, signatures)
    model = flatbuffer.parse(content)
    with reading(content):
        graphs = [
            _graph(graph, entry, signatures, names, normalization) for graph, entry in _entry_points(model)
        ]
        _detach(model)
        _attach(model, tables.to_bytes(_root(metadata, graphs), IDENTIFIER))
        return _packed(flatbuffer.serialise(model), files)


def remove_metadata(tflite):
    """A file without metadata, for a device that has no room for it; the bytes of the new file."""
    content = read(tflite)
    model = flatbuffer.parse(content)
    with reading(content):
        _detach(model)
        return flatbuffer.serialise(model)


def keep_packed(source, content):
    """`content`, made from the file `source`, with the files that are packed into that one."""
    if content == source:
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(source)) as archive:
            return _packed(content, {name: archive.read(name) for name in archive.namelist()})
    except zipfile.BadZipFile:
        return content


def _root(metadata, graphs):
    recipe = [_file(RECIPE_FILE, "How the model was made.", UNKNOWN_FILE)] if metadata.recipe else None
    return Table(
        [
            metadata.name or None,
            metadata.description or None,
            metadata.version or None,
            graphs,
            metadata.author or None,
            metadata.license or None,
            recipe,
            PARSER,
        ]
    )


def _entry_points(model):
    """Every graph with its signature, or None for one that another graph calls."""
    entries = {entry.subgraphIndex: entry for entry in model.signatureDefs}
    return [(graph, entries.get(index)) for index, graph in enumerate(model.subgraphs)]


def _graph(graph, entry, signatures, labels, normalization):
    """The `SubGraphMetadata` of a graph, its tensors in the order in which the graph lists them."""
    if entry is None:
        return Table([None] * 10)
    name = entry.signatureKey.decode()
    described = signatures[name]
    inputs = [
        _input(tensor, normalization.get((name, tensor.name)))
        for tensor in _ordered(graph.inputs, entry.inputs, described.inputs)
    ]
    outputs = [
        _output(tensor, labels.get((name, tensor.name)))
        for tensor in _ordered(graph.outputs, entry.outputs, described.outputs)
    ]
    return Table([name, None, inputs, outputs, *[None] * 6])


def _ordered(indices, entries, tensors):
    by_index = {entry.tensorIndex: tensor for entry, tensor in zip(entries, tensors, strict=True)}
    return [by_index[index] for index in indices if index in by_index]


def _input(tensor, normalization):
    if normalization is None:
        return _tensor(tensor.name, (FEATURE, Table()))
    mean, std = (np.float32(values) for values in (normalization.mean, normalization.std))
    image = Table([COLOURS[tensor.shape[-1]], None])
    units = [Table([NORMALIZATION, Table([mean, std])])]
    stats = Table([(255 - mean) / std, -mean / std])
    return _tensor(tensor.name, (IMAGE, image), units, stats)


def _output(tensor, labels):
    files = [_file(labels, "The classes by number.", AXIS_LABELS)] if labels else None
    return _tensor(tensor.name, (FEATURE, Table()), files=files)


def _tensor(name, content, units=None, stats=None, files=None):
    return Table([name, None, None, Table([*content, None]), units, stats, files])


def _file(name, description, kind):
    return Table([name, description, kind, None, None])


def _labels_files(labels):
    """The files to pack, and by `(signature, output)` the name of the one with its labels."""
    files, names = {}, {}
    for place, lines in labels.items():
        content = "".join(f"{line}\n" for line in lines).encode()
        alone = len(set(labels.values())) == 1
        names[place] = "labels.txt" if alone else f"labels_{place[1]}.txt"
        files[names[place]] = content
    return files, names


def _json(recipe):
    try:
        return (json.dumps(dict(recipe), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Metadata: the recipe can't become JSON: {error}.") from error


def _attach(model, content):
    from ai_edge_litert import schema_py_generated as schema

    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(content, np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = BUFFER, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]


def _detach(model):
    kept = [entry for entry in model.metadata or [] if entry.name != BUFFER]
    if len(kept) < len(model.metadata or []):
        model.metadata = kept
        flatbuffer.drop_unused(model)


def _packed(content, files):
    """A file with others behind it, as MediaPipe reads them: in a zip archive, not compressed."""
    if not files:
        return content
    whole = io.BytesIO(content)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return whole.getvalue()
