"""Codes of bits: what noise does to them in training, and what is left of them without it."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

import export
import zoo
from zoo.layers.binary_code import BinaryCode

VALUES = st.floats(-8, 8, width=32, allow_subnormal=False)  # TensorFlow's threads take those as 0


@settings(max_examples=30, deadline=None)
@given(arrays("float32", (3, 5), elements=VALUES), st.floats(0.1, 9))
def test_inference_is_a_sigmoid_that_says_the_same_bits(inputs, noise):
    code = np.asarray(BinaryCode(noise)(inputs))
    np.testing.assert_allclose(code, special.expit(inputs.astype("float64")), rtol=1e-5)
    certain = np.abs(inputs) > 1e-6
    np.testing.assert_array_equal((code >= 0.5)[certain], (inputs >= 0)[certain])


@pytest.mark.parametrize("noise", [0.5, 4.0])
def test_training_is_the_sigmoid_of_a_gaussian(noise):
    code = np.asarray(BinaryCode(noise, seed=3)(np.full((4000, 1), 1.5, "float32"), training=True))
    before = special.logit(code.astype("float64")).ravel()
    inside = np.isfinite(before)
    assert inside.mean() > 0.99
    assert stats.kstest(before[inside], stats.norm(1.5, noise).cdf).pvalue > 1e-3


def test_gradient_in_training_is_that_of_the_sigmoid():
    """A unit whose noise is known: its slope is that of the sigmoid where the noise has moved it to."""
    layer = BinaryCode(2.0, seed=5)
    inputs = np.linspace(-3, 3, 8, dtype="float32")[None]
    code = np.asarray(layer(inputs, training=True))
    step = 1e-2
    moved = np.asarray(BinaryCode(2.0, seed=5)(inputs + step, training=True))
    np.testing.assert_allclose((moved - code) / step, code * (1 - code), atol=2e-3)


def test_seed_repeats_and_the_sequence_moves_on():
    inputs = np.zeros((4, 6), "float32")
    one, same, other = (BinaryCode(seed=seed) for seed in (1, 1, 2))
    first = np.asarray(one(inputs, training=True))
    np.testing.assert_array_equal(first, same(inputs, training=True))
    assert not np.allclose(first, one(inputs, training=True))
    assert not np.allclose(first, other(inputs, training=True))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("training", [False, True])
def test_dtype_follows_the_policy(policy, training):
    layer = BinaryCode(dtype=policy)
    outputs = layer(np.array([[-2.0, 3.0]]), training=training)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert layer.compute_output_shape((None, 2)) == (None, 2)


def test_config_round_trip():
    layer = BinaryCode(2.5, seed=7, name="code")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, BinaryCode)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("noise", [0, -1.0, True, "much"])
def test_refuses_noise(noise):
    with pytest.raises(ValueError, match="noise="):
        BinaryCode(noise)


def small(**options):
    keras.utils.set_random_seed(0)
    return zoo.create("semantic_hashing", input_shape=(8, 8, 1), bits=6, units=(24, 16), **options)


def images(n=256):
    return np.random.default_rng(0).random((n, 8, 8, 1), dtype="float32")


def test_decoding_the_code_reconstructs():
    model = small()
    code = np.asarray(model.encoder(images()))
    np.testing.assert_allclose(model.decoder(code), model(images()), atol=1e-6)
    assert model.count_params() == model.encoder.count_params() + model.decoder.count_params()


def test_every_bit_is_on_for_about_half_of_the_images():
    model = small()
    for _ in range(60):  # until the batch statistics are those of the images
        model(images(), training=True)
    share = (np.asarray(model.encoder(images())) >= 0.5).mean(0)
    assert share.min() > 0.3
    assert share.max() < 0.7


def test_training_makes_bits_certain(learn):
    """Two kinds of images: the noise is overcome, and the bits differ between the kinds, not within."""
    kinds = np.random.default_rng(3).random((2, 8, 8, 1)) > 0.5
    which = np.arange(128) % 2
    data = kinds[which].astype("float32")
    model = small(noise=1.0, seed=0)
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy")
    learn(model, data, 30)
    code = np.asarray(model.encoder(data))
    assert np.abs(code - 0.5).mean() > special.expit(1) - 0.5 + 0.02  # what it begins with, and more
    bits = code >= 0.5
    assert (bits[which == 0] == bits[0]).all() and (bits[which == 1] == bits[1]).all()
    assert (bits[0] != bits[1]).any()
    rebuilt = np.asarray(model.decoder(bits.astype("float32")))
    assert np.mean((rebuilt > 0.5) == data) > 0.98


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_files_hold_no_noise():
    inputs = keras.Input((6,), name="inputs")
    model = keras.Model(inputs, BinaryCode(name="code")(keras.layers.Dense(4, name="dense")(inputs)))
    data = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
    files = export.convert(model, ("float32", "int8"), calibration=[data])
    for precision, content in files.items():
        assert export.verify(model, content, [data], precision=precision).passed
        assert set(dict(export.inspect(content).operators)) == {"FULLY_CONNECTED", "LOGISTIC"}
    assert not export.inspect(files["int8"]).float_tensors
