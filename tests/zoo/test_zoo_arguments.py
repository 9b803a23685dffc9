"""Bad arguments are refused with what was given, what is possible, and a next step."""

from inspect import signature

import numpy as np
import pytest

import zoo
from zoo import arguments
from zoo.registry import find

IMAGE_MODELS = [name for name, facts in zoo.facts().items() if facts.kind != "decoder"]
CLASSIFIERS = [name for name, facts in zoo.facts().items() if facts.kind == "classifier"]
DECODERS = ["deconvolutional_decoder", "upsampling_decoder"]  # of codes
# Signals `(steps, channels)` are examples for these as images are.
OF_ANY_SHAPE = {
    "contractive_autoencoder",
    "deep_autoencoder",
    "dense_autoencoder",
    "k_sparse_autoencoder",
    "linear_autoencoder",
    "sparse_autoencoder",
    "stacked_autoencoder",
}


def refused(name, **given):
    """The message with which `name` refuses `given`, both by name and when called directly."""
    with pytest.raises(ValueError) as caught:
        zoo.create(name, **given)
    with pytest.raises(ValueError) as direct:
        find(name)(**given)
    assert str(direct.value) == str(caught.value)
    ((argument, value),) = given.items()
    assert f"{argument}=" in str(caught.value)
    assert str(value).strip("()[]") in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", IMAGE_MODELS)
@pytest.mark.parametrize(
    "shape", [(28, 28), (1, 28, 28, 1), (28, 0, 1), (28, -3, 1), (None, None, 1), 28, "28x28x1"]
)
def test_input_shape(name, shape):
    if shape == (28, 28) and name in OF_ANY_SHAPE:
        assert zoo.create(name, input_shape=shape).input_shape == (None, *shape)
        return
    assert "(height, width, channels)" in refused(name, input_shape=shape)


def test_input_shape_advice():
    assert "(28, 28, 1)" in refused("lenet5", input_shape=(8, 28, 28, 1)).partition("Leave out")[2]
    assert "(30, 20, 1)" in refused("lenet5", input_shape=(30, 20))


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("classes", [0, -1, 2.5, True, "10", None])
def test_classes(name, classes):
    assert "positive integer" in refused(name, classes=classes)


@pytest.mark.parametrize("name", [n for n in CLASSIFIERS if "dropout" in signature(find(n)).parameters])
@pytest.mark.parametrize("dropout", [1.0, -0.1, "0.5", True, None])
def test_dropout(name, dropout):
    assert "below 1" in refused(name, dropout=dropout)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize(
    "given",
    [
        {"code": 0},
        {"output_shape": (28, 28)},
        {"filters": ()},
        {"filters": (32, 0)},
        {"hidden": (0,)},
        {"kernel_size": 0},
        {"activation": "softmax"},
    ],
    ids=str,
)
def test_decoders(name, given):
    refused(name, **given)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("separable_cnn", {"filters": (32, "64")}),
        ("separable_cnn", {"filters": 32}),
        ("separable_cnn", {"stem_strides": 0}),
        ("separable_cnn", {"stem_strides": (1, 2, 3)}),
        ("ds_cnn", {"filters": 0}),
        ("ds_cnn", {"blocks": 0}),
        ("dilated_cnn", {"features": 0}),
        ("dilated_cnn", {"hidden": 0}),
        ("dilated_cnn", {"dilations": (1, 0, 2)}),
        ("resnet8", {"filters": (16, -1)}),
        ("convolutional_autoencoder", {"decoder": "deconv"}),
        ("convolutional_autoencoder", {"code": 0}),
        ("convolutional_autoencoder", {"filters": ()}),
        ("vae", {"hidden": "conv"}),
        ("vae", {"code": -2}),
        ("vae", {"units": 0}),
        ("vae", {"filters": None}),
    ],
    ids=str,
)
def test_single_arguments(name, given):
    refused(name, **given)


def test_dilations_and_filters_must_fit():
    message = refused("dilated_cnn", dilations=(1, 2))
    assert "filters=(32, 32, 48, 64)" in message
    assert "Pass 3 filters or 3 dilations" in message


def test_choices_are_listed():
    message = refused("convolutional_autoencoder", decoder="linear")
    assert "'deconvolution'" in message
    assert "'upsampling'" in message


def test_integers_of_other_types_are_taken():
    assert arguments.image_shape([np.int64(8), 8, np.int32(1)]) == (8, 8, 1)
    assert type(arguments.positive(np.int64(3), "classes")) is int
    assert arguments.pair(np.int64(2), "factor") == (2, 2)
    assert arguments.pair([2, 3], "factor") == (2, 3)
