"""Every architecture under JAX, without TensorFlow, on files that another backend wrote."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

import zoo

# JAX compiles a program for each shape of initial values, most of the time of this walk: those that Keras
# itself draws come from NumPy in there.
CODE = """
import json, sys
class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, NoTensorFlow())
import zoo, keras
from zoo.registry import create_smallest
import numpy as np
def drawn(self, shape, dtype=None):
    return keras.ops.convert_to_tensor(np.random.default_rng(0).normal(0, 0.05, shape), dtype)
keras.initializers.VarianceScaling.__call__ = drawn
folder = sys.argv[1]
report = {"backend": keras.backend.backend(), "models": {}}
for name in zoo.list_models():
    built = create_smallest(name)
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    inputs = dict(np.load(f"{folder}/{name}.inputs.npz"))
    outputs = model.predict_on_batch(inputs if len(inputs) > 1 else inputs.popitem()[1])
    error = float(abs(outputs - np.load(f"{folder}/{name}.outputs.npy")).max())
    report["models"][name] = [built.count_params() == model.count_params(), zoo.describe(built).macs, error]
vae = zoo.create("vae", input_shape=(8, 8, 1), code=2, filters=(4,), units=8)
vae.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
images = np.random.default_rng(0).random((16, 8, 8, 1), dtype="float32")
report["losses"] = vae.fit(images, images, batch_size=8, epochs=8, verbose=0).history["loss"]
report["modules"] = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def report(saved_models, jax_backend):
    if keras.backend.backend() == "jax":
        pytest.skip("the session itself runs under JAX: its tests are this check")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(saved_models)],
        cwd=pathlib.Path(zoo.__file__).parents[1],
        env=os.environ | jax_backend,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_runs_without_tensorflow(report):
    assert report["backend"] == "jax"
    assert not {"tensorflow", "export", "recipes"} & set(report["modules"])


@pytest.mark.parametrize("name", zoo.list_models())
def test_builds_and_gives_what_the_other_backend_gave(report, name):
    same_size, macs, error = report["models"][name]
    assert same_size
    assert macs > 0
    assert error < 1e-5


def test_a_variational_autoencoder_trains(report):
    assert report["losses"][-1] < report["losses"][0]
