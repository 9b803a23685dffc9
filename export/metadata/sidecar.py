"""What a file is and how to call it, as a JSON file beside it, for programs that read no flatbuffers."""

import json

from ..errors import InvalidInput
from .description import labels_of, normalization_of

FIELDS = (
    "file",
    "precision",
    "bytes",
    "sha256",
    "name",
    "description",
    "version",
    "author",
    "license",
    "recipe",
    "metrics",
    "signatures",
)
"""What a sidecar says about its file; whatever else stands in it is a note of the caller."""


def to_sidecar(file, metadata, notes=None):
    """The JSON text for one file.

    It holds what `Metadata` says, the file's precision, bytes and SHA-256, its metrics, and by signature the
    inputs and outputs with name, shape and type. `scale` and `zero_point` say what a stored integer means,
    `real = scale * (stored - zero_point)`, and are null for a float tensor. `normalization` says how pixels
    from 0 to 255 become the real values of an input, `(pixel - mean) / std`.

    Args:
        file: A `FileReport`.
        metadata: A `Metadata`.
        notes: What else is to stand in it, by names that are not taken; nothing by default.
    """
    signatures = file.contents.signatures
    labels, normalization = labels_of(metadata, signatures), normalization_of(metadata, signatures)
    described = {
        name: {
            "inputs": [_input(tensor, normalization.get((name, tensor.name))) for tensor in part.inputs],
            "outputs": [_output(tensor, labels.get((name, tensor.name))) for tensor in part.outputs],
        }
        for name, part in signatures.items()
    }
    content = {
        "file": file.file,
        "precision": file.precision,
        "bytes": file.contents.bytes,
        "sha256": file.contents.sha256,
        "name": metadata.name,
        "description": metadata.description,
        "version": metadata.version,
        "author": metadata.author,
        "license": metadata.license,
        "recipe": dict(metadata.recipe),
        "metrics": dict(file.metrics),
        "signatures": described,
    }
    return with_notes(json.dumps(content), notes or {})


def with_notes(text, notes):
    """The JSON text of a sidecar with other notes; what it says about the file itself stays.

    Raises:
        InvalidInput: A note has the name of something else, or can't become JSON.
    """
    content = json.loads(text)
    taken = [name for name in notes if name in FIELDS]
    if taken:
        raise InvalidInput(f"{taken[0]!r} can't be the name of a note: what the file is stands there.")
    try:
        json.dumps(notes, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The notes can't become JSON: {error}.") from error
    return json.dumps(content | notes, indent=2, ensure_ascii=False) + "\n"


def _input(tensor, normalization):
    given = normalization and {"mean": list(normalization.mean), "std": list(normalization.std)}
    return _tensor(tensor) | {"normalization": given}


def _output(tensor, labels):
    return _tensor(tensor) | {"labels": list(labels or ())}


def _tensor(tensor):
    quantised = bool(tensor.scale)
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": tensor.scale if quantised else None,
        "zero_point": tensor.zero_point if quantised else None,
    }
