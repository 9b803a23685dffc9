"""Saved models load in a fresh process that imported only `zoo` and `keras`, in safe mode."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import zoo

ROOT = pathlib.Path(zoo.__file__).parents[1]
LOAD = """
import json, sys
import numpy as np
folder, *names = sys.argv[1:]
report = {}
for name in names:
    model = keras.saving.load_model(f"{folder}/{name}.keras", safe_mode=True)
    inputs = dict(np.load(f"{folder}/{name}.inputs.npz"))
    outputs = model(inputs if len(inputs) > 1 else inputs.popitem()[1], training=False)
    error = abs(keras.ops.convert_to_numpy(outputs) - np.load(f"{folder}/{name}.outputs.npy")).max()
    report[name] = [type(model).__name__, float(error)]
print(json.dumps(report))
"""
# What any backend may change by the order of its sums.
TOLERANCE = 1e-5


def in_fresh_process(code, *arguments, backend):
    environment = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def report_of(done):
    """The JSON on the last line that a process printed."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_architectures_load_and_give_the_same(saved_models):
    """Some; all of them are loaded under JAX."""
    names = ("capsnet", "convolutional_autoencoder", "deeplab", "lenet5", "stn_cnn", "vae", "vq_vae")
    code = "import zoo\nimport keras" + LOAD
    report = report_of(in_fresh_process(code, saved_models, *names, backend="tensorflow"))
    assert {name: error for name, (_, error) in report.items() if error > TOLERANCE} == {}
    assert report["convolutional_autoencoder"][0] == "Autoencoder"
    assert report["vae"][0] == "VariationalAutoencoder"
    assert report["lenet5"][0] == "Functional"


@pytest.mark.parametrize("imports", ["import zoo\nimport keras", "import keras\nimport zoo"])
def test_order_of_imports_does_not_matter(saved_models, imports):
    names = ["vae", "upsampling_decoder"]
    report = report_of(in_fresh_process(imports + LOAD, saved_models, *names, backend="numpy"))
    assert max(error for _, error in report.values()) < TOLERANCE


def test_without_the_package_the_class_is_unknown(saved_models):
    """What the registration is for: if this loads, the other tests prove nothing."""
    done = in_fresh_process("import keras" + LOAD, saved_models, "vae", backend="numpy")
    assert done.returncode != 0
    assert "VariationalAutoencoder" in done.stderr


def test_keras_keeps_its_source_and_resources():
    """Hooking into the import must not hide Keras from `inspect` or `importlib`."""
    code = (
        "import zoo, importlib.util; assert importlib.util.find_spec('keras')\n"
        "import keras, inspect, importlib.resources as r\n"
        "assert inspect.getsource(keras) and r.files('keras').joinpath('__init__.py').is_file()\n"
        "assert keras.saving.get_registered_object('zoo>GaussianSampling')"
    )
    done = in_fresh_process(code, backend="numpy")
    assert done.returncode == 0, done.stderr


def test_a_missing_keras_is_reported_by_python():
    code = (
        "import sys, zoo\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'zoo' in type(f).__module__]\n"
        "import keras"
    )
    done = in_fresh_process(code, backend="numpy")
    assert "ModuleNotFoundError: No module named 'keras'" in done.stderr
