"""Write a SavedModel of a model that computes on JAX or PyTorch, by a child process on TensorFlow."""

import atexit
import os
import sys
from pathlib import Path

from .errors import ExportError, InvalidInput, WorkerDied
from .process import TIMEOUT, JobFailed, Worker
from .scratch import scratch_folder

SCRIPT = Path(__file__).with_name("saving.py")


class Saver(Worker):
    """A process on TensorFlow, kept as long as what it has loaded is what is here; importing takes seconds."""

    def __init__(self):
        super().__init__(SCRIPT, KERAS_BACKEND="tensorflow")
        self._loaded = None

    def save(self, timeout, modules, **request):
        """Let it write a SavedModel; see `saving.py` for the request."""
        files = [getattr(sys.modules[name], "__file__", None) for name in modules]
        times = [os.stat(file).st_mtime_ns if file and os.path.exists(file) else None for file in files]
        loaded = (os.getcwd(), *sys.path), modules, times
        if loaded != self._loaded:
            self.stop()
        self._loaded = loaded
        self.call("save", timeout, path=sys.path, modules=modules, **request)


_saver = Saver()
atexit.register(_saver.stop)


def through_tensorflow(model, parts, directory, timeout=TIMEOUT):
    """Save a model and let a process on the TensorFlow backend load it and write the SavedModel.

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
    try:
        _saver.save(timeout, **request)
    except JobFailed as error:
        raise ExportError(f"Model {name!r} can't be written on TensorFlow: {error.kind}: {error}") from error
    except WorkerDied as error:
        raise ExportError(
            f"Model {name!r}: the process that writes its SavedModel {error.cause} while {error.stage}: {error.log}"
        ) from error
