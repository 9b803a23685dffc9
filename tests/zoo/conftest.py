"""Every architecture saved once a session at its smallest size, with inputs and the outputs they gave."""

import numpy as np
import pytest

import zoo
from zoo.registry import create_smallest


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory):
    """A folder of `NAME.keras`, `NAME.inputs.npy` and `NAME.outputs.npy`."""
    folder = tmp_path_factory.mktemp("saved_models")
    for name in zoo.list_models():
        model = create_smallest(name)
        inputs = np.random.default_rng(0).random((2, *model.input_shape[1:]), dtype="float32")
        np.save(folder / f"{name}.inputs.npy", inputs)
        np.save(folder / f"{name}.outputs.npy", model.predict_on_batch(inputs))
        model.save(folder / f"{name}.keras")
    return folder
