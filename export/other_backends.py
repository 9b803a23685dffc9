"""Write a SavedModel of a model that computes on JAX or PyTorch, by a process that computes on TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

from .errors import ExportError, InvalidInput
from .process import TIMEOUT
from .scratch import scratch_folder

LAST = 1500  # characters of what a process printed that say why it failed


def through_tensorflow(model, parts, directory, timeout=TIMEOUT):
    """Save a model, load it on the TensorFlow backend in a new process, and let that write the SavedModel.

    Args:
        model: A `keras.Model`.
        parts: Its named models; those of several signatures must be in the model's own `signatures`.
        directory: Where to write.

    Raises:
        ExportError: The other process failed.
        InvalidInput: It could not find the model's own layers or its signatures.
    """
    from .signatures import flat_inputs

    names = None if list(parts.values()) == [model] or len(parts) == 1 else list(parts)
    if names and not set(names) <= set(getattr(model, "signatures", ())):
        raise InvalidInput(
            f"Signatures of {model.name!r} can't be exported on this backend: they are not in its `signatures`. "
            "Set KERAS_BACKEND=tensorflow in a new process, load the weights and export."
        )
    only = next(iter(parts.values()))
    with scratch_folder() as scratch:
        file = scratch / "model.keras"
        (model if names else only).save(file)
        request = {
            "model": str(file),
            "modules": _modules(model),
            "signatures": names or {"only": next(iter(parts))},
            "inputs": [] if names else list(flat_inputs(only)),
            "directory": str(directory),
        }
        _run(request, model.name, timeout)


def _modules(model):
    """The modules of a model's own layers, which must be imported before it can be loaded."""
    layers = [model, *model._flatten_layers(include_self=False, recursive=True)]
    modules = sorted({type(layer).__module__ for layer in layers})
    if "__main__" in modules:
        raise InvalidInput(
            f"{model.name!r} has layers of classes defined in the script itself, which another process can't "
            "import. Move them to a module, or set KERAS_BACKEND=tensorflow."
        )
    return [name for name in modules if not name.startswith("keras.")]


def _run(request, name, timeout):
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", f"from {__name__} import write; write()"],
            input=json.dumps(request),
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExportError(
            f"Model {name!r}: writing the SavedModel took longer than {timeout:g} seconds."
        ) from error
    if done.returncode:
        raise ExportError(f"Model {name!r} can't be written on TensorFlow: {done.stderr.strip()[-LAST:]}")


def write():
    """What the other process does: read a request from its input and write the SavedModel."""
    import importlib

    import keras

    from .saved_model import to_saved_model

    request = json.load(sys.stdin)
    for module in request["modules"]:
        importlib.import_module(module)
    model = keras.saving.load_model(request["model"], compile=False)
    for tensor, name in zip(keras.tree.flatten(model.input), request["inputs"], strict=False):
        tensor.name = name  # loading gives inputs without a name another one
    names = request["signatures"]
    parts = (
        {names["only"]: model}
        if isinstance(names, dict)
        else {name: model.signatures[name] for name in names}
    )
    to_saved_model(model, Path(request["directory"]), parts)
