"""The child process that computes on TensorFlow for a parent on another backend of Keras.

Started as a script by `export.process.Worker`, which it answers as `export/worker.py` does.
"""

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def save(request, stage):
    """A `.keras` file to a SavedModel."""
    sys.path[:] = request["path"]
    stage("loading TensorFlow")
    import keras

    to_saved_model = importlib.import_module(f"{FOLDER.name}.saved_model").to_saved_model
    stage("loading the model")
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
    stage("writing the SavedModel")
    to_saved_model(model, Path(request["directory"]), parts)


if __name__ == "__main__":
    import runpy

    runpy.run_path(str(FOLDER / "worker.py"))["main"]({"save": save})
