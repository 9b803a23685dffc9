"""Every architecture under JAX, in a process that has no other backend."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import zoo

CODE = """
import json, sys
sys.modules["tensorflow"] = None
import zoo, keras
import numpy as np
assert keras.backend.backend() == "jax"
report = {}
for name in zoo.list_models():
    model = zoo.create(name, units=16) if name == "vae" else zoo.create(name)
    inputs = np.random.default_rng(0).random((2, *model.input_shape[1:]), dtype="float32")
    outputs = np.asarray(model(inputs))
    assert np.isfinite(outputs).all(), name
    report[name] = [list(outputs.shape), model.count_params(), zoo.describe(model).macs]
vae = zoo.create("vae", input_shape=(8, 8, 1), code=2, filters=(4,), units=8)
vae.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
images = np.random.default_rng(0).random((16, 8, 8, 1), dtype="float32")
losses = vae.fit(images, images, batch_size=8, epochs=8, verbose=0).history["loss"]
assert losses[-1] < losses[0], losses
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def report():
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=pathlib.Path(zoo.__file__).parents[1],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", zoo.list_models())
def test_builds_and_runs(report, name):
    shape, parameters, macs = report[name]
    model, facts = zoo.create(name), zoo.facts()[name]
    assert shape == [2, *model.output_shape[1:]]
    if name != "vae":
        assert (parameters, macs) == (facts.parameters, facts.macs)
