"""Saved models load in a fresh process that imported only `zoo` and `keras`, in safe mode."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import zoo

ROOT = pathlib.Path(zoo.__file__).parents[1]
LOAD = """
import json, sys
{imports}
import numpy as np
folder = sys.argv[1]
report = {{}}
for name in sys.argv[2:]:
    model = keras.saving.load_model(f"{{folder}}/{{name}}.keras", safe_mode=True)
    outputs = model.predict(np.load(f"{{folder}}/{{name}}.inputs.npy"), verbose=0)
    error = abs(outputs - np.load(f"{{folder}}/{{name}}.outputs.npy")).max()
    report[name] = [type(model).__name__, float(error)]
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with every architecture as `.keras`, its inputs and its outputs."""
    folder = tmp_path_factory.mktemp("saved")
    for name in zoo.list_models():
        model = zoo.create(name, units=16) if name == "vae" else zoo.create(name)
        inputs = np.random.default_rng(0).random((2, *model.input_shape[1:]), dtype="float32")
        np.save(folder / f"{name}.inputs.npy", inputs)
        np.save(folder / f"{name}.outputs.npy", model.predict(inputs, verbose=0))
        model.save(folder / f"{name}.keras")
    return folder


def load_elsewhere(folder, names, imports="import zoo\nimport keras", **environment):
    """`{name: [class, largest error]}` as found by a fresh process."""
    return subprocess.run(
        [sys.executable, "-c", LOAD.format(imports=imports), str(folder), *names],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
    )


def checked(done, tolerance):
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert {name: error for name, (_, error) in report.items() if error > tolerance} == {}
    return {name: kind for name, (kind, _) in report.items()}


def test_fresh_process(saved):
    kinds = checked(load_elsewhere(saved, zoo.list_models()), tolerance=1e-6)
    assert kinds["convolutional_autoencoder"] == "Autoencoder"
    assert kinds["vae"] == "VariationalAutoencoder"
    assert kinds["lenet5"] == "Functional"


def test_keras_may_be_imported_first(saved):
    done = load_elsewhere(saved, ["vae", "upsampling_decoder"], imports="import keras\nimport zoo")
    checked(done, tolerance=1e-6)


def test_without_the_package_the_class_is_unknown(saved):
    """What the registration is for: if this loads, the other tests prove nothing."""
    done = load_elsewhere(saved, ["vae"], imports="import keras")
    assert done.returncode != 0
    assert "VariationalAutoencoder" in done.stderr


def test_another_backend_gives_the_same(saved):
    pytest.importorskip("jax")
    other = "tensorflow" if keras.backend.backend() == "jax" else "jax"
    done = load_elsewhere(saved, zoo.list_models(), KERAS_BACKEND=other, JAX_PLATFORMS="cpu")
    checked(done, tolerance=1e-5)


def test_keras_keeps_its_source_and_resources():
    """Hooking into the import must not hide Keras from `inspect` or `importlib`."""
    code = (
        "import zoo, importlib.util; assert importlib.util.find_spec('keras')\n"
        "import keras, inspect, importlib.resources as r\n"
        "assert inspect.getsource(keras) and r.files('keras').joinpath('__init__.py').is_file()\n"
        "assert keras.saving.get_registered_object('zoo>GaussianSampling')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_optimizer_state_survives(tmp_path):
    model = zoo.create("vae", input_shape=(8, 8, 1), code=3, filters=(4,), units=8, seed=5)
    images = np.random.default_rng(0).random((8, 8, 8, 1), dtype="float32")
    model.compile("adam", "binary_crossentropy")
    model.fit(images, images, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    # The next step depends on the weights, on the optimiser's state and on the sampler's.
    np.testing.assert_allclose(
        loaded.train_on_batch(images, images), model.train_on_batch(images, images), rtol=1e-6
    )
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-6)
