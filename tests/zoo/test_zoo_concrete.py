"""The selector against its equations, and the autoencoder whose code is some of the pixels."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.autoencoders.concrete import ConcreteAutoencoder
from zoo.layers.concrete_selector import ConcreteSelector

SMALL = {"input_shape": (6, 5, 1), "features": 4, "hidden": (16,), "steps": 20}


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def shares(layer, inputs):
    """`m`, `(units, inputs)`: what the layer makes of each input alone, in one step."""
    return np.asarray(layer(np.eye(inputs, dtype="float32"), training=True)).T


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(0, 5), st.sampled_from([(2,), (3, 2)]), st.integers(0, 99))
def test_inference_copies_the_inputs_with_the_largest_logits(units, more, leading, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(*leading, units + more)).astype("float32")
    layer = ConcreteSelector(units)
    layer.build(inputs.shape)
    logits = rng.normal(size=(units, units + more)).astype("float32")
    layer.logits.assign(logits)
    outputs = np.asarray(layer(inputs))
    np.testing.assert_array_equal(outputs, inputs[..., logits.argmax(axis=1)])
    np.testing.assert_array_equal(layer.selected, logits.argmax(axis=1))
    assert layer.compute_output_shape(inputs.shape) == outputs.shape
    assert layer.mean_max_probability == pytest.approx(softmax(logits).max(axis=1).mean(), rel=1e-5)


def test_training_is_the_concrete_distribution():
    """Sample by sample, from the same uniform numbers, at the temperature of each step."""
    layer = ConcreteSelector(3, steps=4, start_temperature=5.0, end_temperature=0.2, seed=7)
    layer.build((None, 8))
    logits = np.asarray(layer.logits, "float64")
    seeds = keras.random.SeedGenerator(7)
    for step in (0, 1, 2, 3, 4, 4):
        temperature = 5 * (0.2 / 5) ** (step / 4)
        assert float(layer.temperature) == pytest.approx(temperature, rel=1e-5)
        uniform = np.asarray(keras.random.uniform((3, 8), 1e-7, 1.0, "float32", seeds), "float64")
        expected = softmax((logits - np.log(-np.log(uniform))) / temperature)
        np.testing.assert_allclose(shares(layer, 8), expected, atol=2e-4)


def test_cold_samples_are_choices_with_the_probabilities():
    layer = ConcreteSelector(12, start_temperature=1e-3, end_temperature=1e-3, seed=0)
    layer.build((None, 12))
    row = np.linspace(-1, 1.5, 12).astype("float32")
    layer.logits.assign(np.tile(row, (12, 1)))
    samples = np.concatenate([shares(layer, 12) for _ in range(150)])
    np.testing.assert_allclose(samples.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(samples.max(axis=1) > 0.99) > 0.97
    error = np.sqrt(softmax(row) / len(samples))
    assert (np.abs(samples.mean(axis=0) - softmax(row)) < 5 * error).all()


def test_only_training_cools():
    layer = ConcreteSelector(2, steps=10)
    inputs = np.ones((1, 4), "float32")
    layer(inputs)
    assert int(layer.step) == 0
    layer(inputs, training=True)
    layer(inputs)
    assert int(layer.step) == 1


def test_learns_which_inputs_tell_the_others(learn):
    """Two of ten inputs are signals, the others sums of them: from no other pair do all follow as well."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(256, 2)) * 2
    noisy = signals @ rng.normal(size=(2, 8)) * 0.2 + 0.5 * rng.normal(size=(256, 8))
    data = np.concatenate([noisy[:, :3], signals[:, :1], noisy[:, 3:], signals[:, 1:]], axis=1)
    data = data.astype("float32")
    selector = ConcreteSelector(2, steps=300, seed=3, name="selector")
    model = keras.Sequential([keras.Input((10,)), selector, keras.layers.Dense(10, name="decoder")])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    learn(model, data, 75)
    assert set(selector.selected) == {3, 9}
    assert selector.mean_max_probability > 0.9


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("training", [False, True])
def test_dtype_follows_the_policy(policy, training):
    layer = ConcreteSelector(3, end_temperature=0.01, start_temperature=0.01, dtype=policy)
    outputs = layer(np.random.default_rng(0).random((2, 6)), training=training)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert np.isfinite(np.asarray(keras.ops.cast(outputs, "float32"))).all()


def test_config_round_trip():
    layer = ConcreteSelector(3, 50, 2.0, 0.5, seed=4, name="selector")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, ConcreteSelector)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    "given",
    [
        {"units": 0},
        {"steps": 0},
        {"start_temperature": 0},
        {"end_temperature": float("inf")},
        {"end_temperature": 2.0, "start_temperature": 1.0},
    ],
)
def test_refuses_arguments(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        ConcreteSelector(**{"units": 2, **given})


def test_refuses_more_units_than_inputs():
    with pytest.raises(ValueError, match="only 4 inputs"):
        ConcreteSelector(5).build((None, 4))
    with pytest.raises(ValueError, match="Pass features=64 or fewer"):
        zoo.create("concrete_autoencoder", input_shape=(8, 8, 1), features=65)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_code_is_the_pixels_it_names(channels, tmp_path):
    model = zoo.create("concrete_autoencoder", **{**SMALL, "input_shape": (6, 5, channels)})
    images = np.random.default_rng(0).random((3, 6, 5, channels), dtype="float32")
    code = np.asarray(model.encoder(images))
    np.testing.assert_array_equal(code, images.reshape(3, -1)[:, model.selected_features])
    rows, columns = model.selected_pixels.T
    channel = model.selected_features % channels
    np.testing.assert_array_equal(code, images[:, rows, columns, channel])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, ConcreteAutoencoder)
    np.testing.assert_array_equal(loaded.selected_pixels, model.selected_pixels)
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_files_copy_the_same_pixels():
    model = zoo.create("concrete_autoencoder", **SMALL)
    images = np.random.default_rng(0).integers(256, size=(24, 6, 5, 1)).astype("float32") / 255
    chosen = images.reshape(24, -1)[:, model.selected_features]
    inputs = {"reconstruct": [images], "encode": [images], "decode": [chosen]}
    files = export.convert(model, ("float32", "int8"), calibration=inputs, signatures=model.signatures)
    np.testing.assert_array_equal(export.load(files["float32"])(images, "encode"), chosen)
    np.testing.assert_allclose(export.load(files["int8"])(images, "encode"), chosen, atol=0.5 / 255 + 1e-6)
    contents = export.inspect(files["int8"])
    assert contents.float_tensors == ()
    assert not contents.flex
    assert "GATHER" in dict(contents.operators)
