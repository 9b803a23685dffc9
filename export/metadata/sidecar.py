"""What a file is and how to call it, as a JSON file beside it, for programs that read no flatbuffers."""

import json

from .description import labels_of, normalization_of


def to_sidecar(file, metadata):
    """The JSON text for one file.

    It holds what `Metadata` says, the file's precision, bytes and SHA-256, its metrics, and by signature the
    inputs and outputs with name, shape and type. `scale` and `zero_point` say what a stored integer means,
    `real = scale * (stored - zero_point)`, and are null for a float tensor. `normalization` says how pixels
    from 0 to 255 become the real values of an input, `(pixel - mean) / std`.

    Args:
        file: A `FileReport`.
        metadata: A `Metadata`.
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
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


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
