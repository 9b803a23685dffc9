"""Decoders give exactly the image that was asked for, whatever its size."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo.decoders.deconvolution import deconvolutional_decoder
from zoo.decoders.upsampling import upsampling_decoder

DECODERS = [deconvolutional_decoder, upsampling_decoder]
SIZES = st.integers(1, 21)


@pytest.mark.parametrize("decoder", DECODERS)
@settings(max_examples=12, deadline=None)
@given(
    height=SIZES,
    width=SIZES,
    channels=st.integers(1, 3),
    filters=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    kernel_size=st.integers(1, 5),
)
def test_any_output_shape(decoder, height, width, channels, filters, kernel_size):
    shape = (height, width, channels)
    model = decoder(code=3, output_shape=shape, filters=filters, kernel_size=kernel_size)
    assert model.output_shape == (None, *shape)
    assert model(np.ones((2, 3), "float32")).shape == (2, *shape)


@pytest.mark.parametrize("decoder", DECODERS)
def test_cropping_is_even(decoder):
    crop = decoder(output_shape=(27, 25, 1)).get_layer("crop")
    assert crop.cropping == ((0, 1), (1, 2))


@pytest.mark.parametrize("decoder", DECODERS)
def test_linear_gives_the_logits_of_sigmoid(decoder):
    image, logits = decoder(activation="sigmoid"), decoder(activation="linear")
    logits.set_weights(image.get_weights())
    codes = np.random.default_rng(0).normal(size=(3, 30)).astype("float32")
    expected = 1 / (1 + np.exp(-np.asarray(logits(codes))))
    np.testing.assert_allclose(image(codes), expected, atol=1e-6)


@pytest.mark.parametrize("decoder", DECODERS)
def test_hidden_layers(decoder):
    model = decoder(hidden=(7, 9))
    assert model.get_layer("hidden1_dense").units == 7
    assert model.get_layer("hidden2_dense").units == 9


def interior_variation(model):
    """Largest relative spread of an image's interior for a constant map and constant kernels."""
    for weight in model.weights:
        if "kernel" in weight.path:
            weight.assign(np.full(weight.shape, 0.01))
    image = np.asarray(model(np.ones((1, 30), "float32")))[0, 8:-8, 8:-8]
    return (image.max() - image.min()) / image.mean()


def test_no_checkerboard_by_construction():
    """A constant map must stay constant: even kernels and upsampling do that, odd kernels don't."""
    linear = {"activation": "linear", "output_shape": (32, 32, 1)}
    assert interior_variation(zoo.create("deconvolutional_decoder", **linear)) < 1e-5
    assert interior_variation(zoo.create("upsampling_decoder", **linear)) < 1e-5
    odd = zoo.create("deconvolutional_decoder", kernel_size=3, **linear)
    assert interior_variation(odd) > 0.5


def test_decoders_are_functional_models_of_their_own_name():
    assert zoo.create("upsampling_decoder", name="painter").name == "painter"
    assert isinstance(zoo.create("deconvolutional_decoder"), keras.Model)
