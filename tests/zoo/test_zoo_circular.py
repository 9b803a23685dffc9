"""Circular padding, and the network that is invariant to circular shifts because of it."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.layers.circular import CircularPadding2D

SHIFTS = [(0, 1), (1, 0), (3, 5), (-4, 7), (11, 11)]


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(3, 7),
    width=st.integers(3, 7),
    padding=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels_first=st.booleans(),
)
def test_equals_numpy(height, width, padding, channels_first):
    shape = (2, 3, height, width) if channels_first else (2, height, width, 3)
    images = np.random.default_rng(0).normal(size=shape).astype("float32")
    sides = [(0, 0)] * 4
    first = 2 if channels_first else 1
    sides[first : first + 2] = [(p, p) for p in padding]
    layer = CircularPadding2D(padding, "channels_first" if channels_first else "channels_last")
    expected = np.pad(images, sides, mode="wrap")
    np.testing.assert_array_equal(layer(images), expected)
    assert layer.compute_output_shape(shape) == expected.shape


def test_no_padding_is_the_identity():
    images = np.ones((1, 2, 3, 1), "float32")
    np.testing.assert_array_equal(CircularPadding2D(0)(images), images)


def test_keeps_its_configuration_and_its_type():
    layer = CircularPadding2D((2, 1), dtype="mixed_bfloat16")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    assert keras.backend.standardize_dtype(layer(np.ones((1, 4, 4, 2), "float32")).dtype) == "bfloat16"


@pytest.mark.parametrize("padding", [-1, 1.5, True, "1", (1, 2, 3)])
def test_refuses_paddings(padding):
    with pytest.raises(ValueError, match="padding="):
        CircularPadding2D(padding)


def test_refuses_more_than_once_around():
    with pytest.raises(ValueError, match="image of 2 x 5"):
        CircularPadding2D(3)(np.ones((1, 2, 5, 1), "float32"))


@pytest.fixture(scope="module")
def network():
    """A small network with batch statistics of its images, and the images."""
    keras.utils.set_random_seed(0)
    model = zoo.create("all_convolutional", input_shape=(12, 12, 3), classes=4, width=0.1, padding="circular")
    images = np.random.default_rng(0).random((24, 12, 12, 3), dtype="float32")
    model(images, training=True)
    return model, images


def test_every_map_has_the_images_resolution(network):
    model, _ = network
    sizes = {model.get_layer(f"block{i}_relu").output.shape[1:3] for i in range(1, 9)}
    assert sizes == {(12, 12)}


@pytest.mark.parametrize("shift", SHIFTS)
def test_maps_shift_with_the_image_and_logits_stay(network, shift):
    model, images = network
    probe = keras.Model(model.input, [model.get_layer("block8_relu").output, model.output])
    maps, logits = map(np.asarray, probe(images))
    shifted_maps, shifted_logits = map(np.asarray, probe(np.roll(images, shift, axis=(1, 2))))
    np.testing.assert_allclose(shifted_maps, np.roll(maps, shift, axis=(1, 2)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(shifted_logits, logits, rtol=1e-5, atol=1e-5)
    assert np.ptp(logits, axis=0).min() > 1e-3  # the network tells images apart


def test_zeros_around_the_image_notice_the_shift(network):
    model, images = network
    zeros = zoo.create("all_convolutional", input_shape=(12, 12, 3), classes=4, width=0.1)
    zeros.set_weights(model.get_weights())
    differences = np.asarray(zeros(np.roll(images, 5, axis=2))) - np.asarray(zeros(images))
    assert np.abs(differences).max() > 1e-3


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_integers_are_invariant_to_the_last_bit(network):
    """Integer sums don't depend on their order, so a shift changes nothing at all."""
    model, images = network
    files = export.convert(model, ("float32", "int8"), [images])
    for precision, content in files.items():
        report = export.verify(model, content, [images], precision=precision)
        assert report.passed, report.problems
    assert export.inspect(files["int8"]).float_tensors == ()
    predict = export.load(files["int8"])
    logits = predict(images)
    for shift in SHIFTS:
        np.testing.assert_array_equal(predict(np.roll(images, shift, axis=(1, 2))), logits)
