"""What may be exported and how it may be called: every shape of inputs, outputs and arguments."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import export

L = keras.layers


def vectors(width, count=24, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def inputs():
    return keras.Input((5,), name="left"), keras.Input((3,), name="right")


def test_several_inputs_in_a_list():
    left, right = inputs()
    model = keras.Model([left, right], L.Dense(2, name="sum")(L.Concatenate()([left, right])))
    data = {"left": vectors(5), "right": vectors(3)}
    content = export.to_tflite(model, "int8", [data])
    assert export.verify(model, content, [data]).passed
    listed = export.load(content)([data["left"], data["right"]])
    assert np.array_equal(listed, export.load(content)(data))


def test_several_inputs_in_a_dict_go_by_its_keys():
    left, right = inputs()
    model = keras.Model({"right": right, "left": left}, L.Dense(2)(left) + L.Dense(2)(right))
    data = {"left": vectors(5), "right": vectors(3)}
    content = export.to_tflite(model, "int8", [data])
    names = [tensor.name for tensor in export.inspect(content).signatures["serving_default"].inputs]
    assert sorted(names) == ["left", "right"]
    assert export.verify(model, content, [data]).passed


def test_outputs_of_one_layer_get_names_of_their_own():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.ops.split(L.Dense(6, name="dense")(x), 2, axis=-1))
    data = vectors(4)
    found = export.load(export.to_tflite(model))(data)
    for expected, values in zip(model.predict(data, verbose=0), found.values(), strict=True):
        assert np.allclose(expected, values, atol=1e-5)


def test_sequential_models():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dropout(0.5), L.Dense(2)])
    assert export.verify(model, export.to_tflite(model), [vectors(4)]).passed


def test_integer_inputs_stay_integers():
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = L.GlobalAveragePooling1D()(L.Embedding(10, 4)(tokens))
    model = keras.Model(tokens, L.Dense(3)(x))
    data = np.random.default_rng(0).integers(0, 10, (24, 6)).astype(np.int32)
    content = export.to_tflite(model, "int8", [data])
    assert export.inspect(content).float_tensors == ()
    assert export.verify(model, content, [data]).passed


def test_dropout_is_off(chain):
    model = chain((4,), L.Dense(8), L.Dropout(0.9), L.GaussianNoise(1.0), L.Dense(2))
    data = vectors(4)
    assert np.allclose(export.load(export.to_tflite(model))(data), model.predict(data, verbose=0), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_trained_in_mixed_precision_is_exported_in_float32(policy):
    def build(policy):
        keras.utils.set_random_seed(3)
        x = keras.Input((8, 8, 2), name="x")
        y = L.Conv2D(4, 3, activation="relu", dtype=policy)(x)
        y = L.MultiHeadAttention(2, 4, dtype=policy)(*[L.Reshape((36, 4), dtype=policy)(y)] * 2)
        return keras.Model(x, L.Dense(3, dtype="float32")(L.Flatten()(y)))

    model, data = build(policy), np.random.default_rng(0).random((8, 8, 8, 2), np.float32)
    before = model.predict(data, verbose=0)
    content = export.to_tflite(model)
    assert np.allclose(export.load(content)(data), build("float32").predict(data, verbose=0), atol=1e-5)
    assert export.verify(model, content, [data]).passed
    assert np.array_equal(model.predict(data, verbose=0), before)
    assert model.layers[1].compute_dtype == policy.removeprefix("mixed_")


def test_half_weights_are_refused():
    x = keras.Input((4,), name="x")
    with pytest.raises(export.InvalidInput, match="mixed_float16"):
        export.to_tflite(keras.Model(x, L.Dense(2, dtype="float16")(x)))


def test_a_saved_model_takes_one_sample(classifier, tmp_path):
    import tensorflow as tf

    folder = export.to_saved_model(classifier.model, tmp_path / "deep" / "saved_model")
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    assert serve.structured_input_signature[1]["image"].shape == (1, 12, 12, 3)
    image = classifier.main[:1]
    expected = classifier.model.predict(image, verbose=0)
    assert np.allclose(serve(image=tf.constant(image))["logits"], expected, atol=1e-5)
    assert export.to_saved_model(classifier.model, folder) == folder


def test_a_file_from_a_saved_model_at_hand_is_the_same(classifier, tmp_path):
    folder = export.to_saved_model(classifier.model, tmp_path / "saved_model")
    files = export.convert(classifier.model, ["float32"], saved_model=folder)
    assert files["float32"] == classifier.files["float32"]


def test_progress_is_reported_in_order(classifier):
    seen = []
    export.convert(classifier.model, ["float32", "float16"], progress=lambda *step: seen.append(step))
    assert seen[0][2] == 2
    assert [stage for stage, *_ in seen][-3:] == ["float32", "float16", "done"]
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


@pytest.mark.parametrize(("precision", "hint"), [("int9", "int8"), ("flot32", "float32"), ("", "float32")])
def test_an_unknown_precision_is_answered_with_the_possible_ones(classifier, precision, hint):
    with pytest.raises(export.InvalidInput, match=hint) as refused:
        export.to_tflite(classifier.model, precision)
    assert repr(precision) in str(refused.value)


def test_no_precision_at_all(classifier):
    with pytest.raises(export.InvalidInput, match="No precision"):
        export.convert(classifier.model, [])


def test_models_that_can_not_be_exported():
    x = keras.Input((None, 3), name="x")
    with pytest.raises(export.InvalidInput, match="every axis"):
        export.to_tflite(keras.Model(x, L.Conv1D(2, 3)(x)))
    with pytest.raises(export.InvalidInput, match="must be a keras.Model"):
        export.to_tflite(lambda x: x)

    class Written(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(export.InvalidInput, match="no symbolic inputs"):
        export.to_tflite(Written())


@pytest.mark.parametrize("signatures", [{}, ["encode"], {"not a name": None}, {"encode": 3}])
def test_signatures_must_be_named_models(classifier, signatures):
    with pytest.raises(export.InvalidInput):
        export.to_tflite(classifier.model, signatures=signatures)


def test_a_layer_that_fails_is_quoted(chain):
    class Fragile(L.Layer):
        broken = False

        def call(self, x):
            if self.broken:
                raise KeyError("no such thing")
            return x

    model = chain((2,), Fragile(name="fragile"))
    model.get_layer("fragile").broken = True
    with pytest.raises(export.ExportError, match="'chain'.*no such thing"):
        export.to_tflite(model)


OWN_LAYER = """
import keras
@keras.saving.register_keras_serializable("own")
class Times(keras.layers.Layer):
    def call(self, x):
        return x * {factor}
"""

ON_ANOTHER_BACKEND = """
import importlib, os, pathlib, sys
import keras, export
from export import other_backends
sys.path.insert(0, sys.argv[1])
file = pathlib.Path(sys.argv[1]) / "own_layer.py"
x, processes = keras.Input((2,)), []

def exported(layer):
    value = float(export.load(export.to_tflite(keras.Model(x, layer(x))))([[1.0, 1.0]])[0, 0])
    processes.append(other_backends._saver.pid)
    return value

import own_layer
print(exported(own_layer.Times()), exported(own_layer.Times()))
file.write_text(file.read_text().replace("* 2", "* 3"))
os.utime(file, (1, 1))
importlib.reload(own_layer)
print(exported(own_layer.Times()))
print(processes[0] == processes[1] != processes[2])

class Own(keras.layers.Dense):
    pass

try:
    export.to_tflite(keras.Model(x, Own(1)(x)))
except export.InvalidInput as error:
    print(error)
"""


@pytest.fixture(scope="module")
def on_another_backend(tmp_path_factory, jax_backend):
    """What a program prints, line by line, that exports models of layers of its own under JAX."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_layer.py").write_text(OWN_LAYER.format(factor=2))
    env = os.environ | jax_backend | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", ON_ANOTHER_BACKEND, str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_on_another_backend_one_process_exports_until_a_layer_changes(on_another_backend):
    assert on_another_backend[:3] == ["2.0 2.0", "3.0", "True"]


def test_on_another_backend_a_layer_of_the_script_itself_is_told_with_the_way_out(on_another_backend):
    assert "KERAS_BACKEND=tensorflow" in on_another_backend[3]
