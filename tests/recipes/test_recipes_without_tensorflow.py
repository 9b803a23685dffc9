"""A machine without TensorFlow: data are carried there, a recipe is trained under JAX, and exported here."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from recipes import pipeline, rundir

HIDDEN = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        packages = ("tensorflow", "tensorflow_datasets", "ai_edge_litert", "ai_edge_quantizer", "flatbuffers")
        if name.partition(".")[0] in packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""

THERE = (
    HIDDEN
    + """
import json, pathlib
import recipes.cli

def edgezoo(*arguments):
    sys.argv = ["edgezoo", *arguments]
    try:
        recipes.cli.main()
    except SystemExit as end:
        return end.code or 0

folder = pathlib.Path(sys.argv[1])
settings = [p for s in ("epochs=2", "precisions=float32,int8") for p in ("--set", s)]
done = [edgezoo("train", "lenet5_digits", "--out", str(folder / "host"), *settings, "--set", "engine.data=host")]
from recipes.training.engine import memory, residence
gathered, gatherer = [], residence._gatherer
residence._gatherer = lambda: gathered.append(True) or gatherer()
settings += ["--set", "engine.data=device", "--set", "precisions=float32"]
done += [edgezoo("train", "lenet5_digits", "--out", str(folder / "device"), *settings)]
done += [edgezoo("evaluate", str(folder / "host"), "--json")]
done += [edgezoo("train", "lenet5_digits", "--out", str(folder / "other"), "--set", "features.image_size=20,20")]

import jax, keras

try:
    jax.numpy.zeros((2**47,), "uint8")
except Exception as error:
    ran_out = memory.ran_out(error)
loaded = {name.partition(".")[0] for name in sys.modules}
facts = {"done": done, "on_device": bool(gathered), "backend": keras.backend.backend(), "ran_out": ran_out, "tensorflow": "tensorflow" in loaded}
(folder / "facts.json").write_text(json.dumps(facts))
"""
)


@pytest.fixture(scope="module")
def there(tmp_path_factory, jax_backend):
    """What two trainings on a machine without TensorFlow left, with data that were prepared here."""
    folder = tmp_path_factory.mktemp("there")
    command = [
        sys.executable,
        "-m",
        "recipes",
        "prepare",
        "lenet5_digits",
        "--out",
        folder / "carried",
        "--json",
    ]
    prepared = subprocess.run(command, check=True, capture_output=True, text=True)
    without = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "TFDS_DATA_DIR")}
    backend = {k: v for k, v in jax_backend.items() if k != "KERAS_BACKEND"}
    environment = {**without, **backend, "EDGEZOO_CACHE": str(folder / "carried")}
    code = [sys.executable, "-c", THERE, folder]
    ended = subprocess.run(code, env=environment, check=False, capture_output=True, text=True)
    assert (folder / "facts.json").exists(), ended.stderr
    return folder, json.loads(prepared.stdout), json.loads((folder / "facts.json").read_text()), ended


def test_what_is_prepared_is_carried(there):
    folder, said, _, _ = there
    assert (said["train"], said["test"], said["shape"], said["classes"]) == (1442, 355, [28, 28, 1], 10)
    assert said["folder"].startswith(str(folder / "carried" / "prepared" / "digits-"))
    assert said["bytes"] > 1797 * 28 * 28


def test_a_recipe_trains_and_is_scored_under_jax(there):
    folder, _, facts, ended = there
    assert facts["done"][:3] == [0, 0, 0], ended.stderr
    assert facts["backend"] == "jax"
    assert not facts["tensorflow"]
    run = rundir.open_run(folder / "host")
    assert rundir.read_json(run.path / "environment.json")["backend"] == "jax"
    assert [row["epoch"] for row in run.history()] == [1, 2]
    accuracy = json.loads(ended.stdout[ended.stdout.index("{") :])["test"]["accuracy"]
    assert accuracy > 0.7
    assert facts["ran_out"]


def test_images_on_the_device_give_the_same_run(there):
    folder, _, facts, _ = there
    assert facts["on_device"]
    host, device = (rundir.open_run(folder / name) for name in ("host", "device"))
    assert host.history() == device.history()
    for one, other in zip(host.model().get_weights(), device.model().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_that_were_not_carried_are_asked_for(there):
    _, _, facts, ended = there
    assert facts["done"][3] == 2
    said = " ".join(ended.stderr.split())
    assert "edgezoo prepare digits --set features.image_size=20,20 --out FOLDER" in said
    assert "EDGEZOO_CACHE=FOLDER" in said and "tensorflow" in said


def test_the_run_is_exported_here(there):
    folder, _, _, _ = there
    result = pipeline.finish(rundir.open_run(folder / "host"))
    files = {f.precision: f.metrics["accuracy"] for f in result.report.files}
    assert set(files) == {"float32", "int8"}
    assert files["float32"] == result.metrics["accuracy"] > 0.7
    assert result.passed, result.problems


EXPORT_UNDER_JAX = """
import sys
from recipes import pipeline, rundir
result = pipeline.finish(rundir.open_run(sys.argv[1]))
import keras
print(keras.backend.backend(), result.metrics["accuracy"], *(f.metrics["accuracy"] for f in result.report.files))
"""


def test_a_run_is_exported_under_jax_through_tensorflow(there, jax_backend):
    folder, _, _, _ = there
    environment = {**os.environ, **jax_backend}
    command = [sys.executable, "-c", EXPORT_UNDER_JAX, folder / "device"]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    backend, keras, float32 = ended.stdout.split()[-3:]
    assert backend == "jax"
    assert float(float32) == float(keras) > 0.7
