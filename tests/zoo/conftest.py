"""Every architecture saved once a session at its smallest size, with inputs and the outputs they gave."""

import numpy as np
import pytest

import zoo
from zoo.registry import create_smallest


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory):
    """A folder of `NAME.keras`, `NAME.inputs.npz` and `NAME.outputs.npy`."""
    folder = tmp_path_factory.mktemp("saved_models")
    for name in zoo.list_models():
        model = create_smallest(name)
        rng = np.random.default_rng(0)
        shapes = {tensor.name: (2, *tensor.shape[1:]) for tensor in model.inputs}
        inputs = {
            key: rng.random(shape, dtype="float32") if shape[1:] else np.arange(2)
            for key, shape in shapes.items()
        }
        np.savez(folder / f"{name}.inputs.npz", **inputs)
        given = inputs if len(inputs) > 1 else inputs.popitem()[1]
        np.save(folder / f"{name}.outputs.npy", model(given, training=False))
        model.save(folder / f"{name}.keras")
    return folder


@pytest.fixture(scope="session")
def learn():
    """`learn(model, data, passes, size)`: what a model makes of itself, all passes as one epoch, which is quicker."""

    def fit(model, data, passes, size=64):
        many = np.concatenate([data] * passes)
        return model.fit(many, many, batch_size=size, epochs=1, shuffle=False, verbose=0)

    return fit
