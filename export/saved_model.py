"""From a `keras.Model` to a SavedModel whose endpoints take one sample.

A fixed batch of one lets the TFLite converter fold dilated and transposed convolutions, batch
normalisation and activations into single operators; with an open batch it can't.
"""

import re
import shutil
import tempfile
from pathlib import Path

from .errors import ExportError
from .full_precision import full_precision
from .other_backends import through_tensorflow
from .signatures import flat_inputs, named_models, named_outputs
from .unrolling import unrolled


def to_saved_model(model, directory, signatures=None):
    """Write a SavedModel in inference mode, every endpoint with a batch of 1.

    Args:
        model: A built functional `keras.Model`.
        directory: Where to write; replaced as a whole, or left as it was if writing fails.
        signatures: None for one endpoint `serving_default`, or a mapping from endpoint names to
            models that share variables with `model`; the first is the main one.

    Returns:
        The directory as a `Path`.

    Raises:
        ExportError: The model can't be traced, or the directory can't be written.
        InvalidInput: A model is not functional, or its input has an open axis.

    On another backend of Keras than TensorFlow the model is saved and written by a process with that one.
    """
    import keras

    parts = named_models(model, signatures)
    directory = Path(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".saving-") as scratch:
            fresh = Path(scratch) / "saved_model"
            if keras.backend.backend() == "tensorflow":
                _write(model, parts, fresh)
            else:
                through_tensorflow(model, parts, fresh)
            _replace(directory, fresh, Path(scratch) / "old")
    except OSError as error:
        raise ExportError(
            f"{directory} can't be written ({error.strerror or error}). What was there is"
            " unchanged; free some space or choose another directory."
        ) from error
    return directory


def _write(model, parts, directory):
    import keras

    archive = keras.export.ExportArchive()
    try:
        for name, part in parts.items():
            archive.track(part)
            archive.add_endpoint(name, _endpoint(part), input_signature=_one_sample(part))
        archive.write_out(str(directory), verbose=False)
    except OSError:
        raise
    # Tracing runs the layers' own code, which may raise anything.
    except Exception as error:
        if _disk_failed(error):
            raise OSError(str(error)) from error
        raise ExportError(f"Model {model.name!r} can't be traced for export: {_plain(error)}") from error


def _endpoint(part):
    import keras

    def infer(*flat):
        inputs = keras.tree.pack_sequence_as(part.input, flat)
        with full_precision(part), unrolled(part):
            return named_outputs(part, part(inputs, training=False))

    return infer


def _one_sample(part):
    import keras

    return [
        keras.InputSpec(shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=name)
        for name, tensor in flat_inputs(part).items()
    ]


def _plain(error):
    """Keras's message without colours and without the list of call arguments."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).partition("Arguments received by")[0]
    return f"{type(error).__name__}: {' '.join(text.split())}"


def _disk_failed(error):
    import tensorflow as tf

    kinds = (tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError)
    return isinstance(error, kinds) or "No space left" in str(error)


def _replace(directory, fresh, old):
    if directory.exists():
        directory.rename(old)
    try:
        fresh.rename(directory)
    except OSError:
        if old.exists():
            old.rename(directory)
        raise
    shutil.rmtree(old, ignore_errors=True)
