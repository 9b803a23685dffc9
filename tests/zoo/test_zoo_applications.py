"""The architectures of `keras.applications` under this package's names and conventions."""

import inspect
import subprocess
import sys

import keras
import numpy as np
import pytest

import export
import zoo
from zoo import applications
from zoo.registry import create_smallest, find

NAMES = zoo.list_models("keras/*")


def test_every_application_of_keras_is_listed():
    offered = dir(keras.applications)
    functions = [name for name in offered if inspect.isfunction(getattr(keras.applications, name))]
    assert [f"keras/{name}" for name in sorted(functions)] == NAMES


def test_own_architectures_are_listed_by_themselves():
    assert not set(zoo.list_models()) & set(NAMES)
    assert zoo.list_models("keras/VGG*") == ["keras/VGG16", "keras/VGG19"]
    assert zoo.list_models("*VGG1?") == []


def test_listing_loads_no_keras():
    code = "import sys, zoo; print(len(zoo.list_models('keras/*')), 'keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == [str(len(NAMES)), "False"]


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_side_is_keras_own(name):
    """One pixel less is refused by Keras itself, and by the adopted one with the way out."""
    side = find(name).smallest["input_shape"][0]
    too_small = (side, side - 1, 3)
    with pytest.raises(ValueError, match=f"at least {side}"):
        getattr(keras.applications, name.removeprefix("keras/"))(weights=None, input_shape=too_small)
    with pytest.raises(ValueError, match=rf"at least {side} x {side} pixels.*\({side}, {side}, 3\)"):
        zoo.create(name, input_shape=too_small)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_and_documentation(name):
    parameters = inspect.signature(find(name)).parameters
    assert list(parameters) == ["input_shape", "classes"]
    assert parameters["input_shape"].default[0] >= find(name).smallest["input_shape"][0]
    assert name.removeprefix("keras/") in find(name).__doc__


def test_a_misspelt_name_is_answered():
    with pytest.raises(zoo.UnknownArchitecture, match="'keras/MobileNetV2'"):
        zoo.create("keras/MobilNetV2")
    with pytest.raises(ValueError, match="takes no argument 'weights'"):
        zoo.create("keras/MobileNetV2", weights="imagenet")


@pytest.fixture(scope="module", params=["keras/MobileNetV2", "keras/EfficientNetB0"])
def small(request):
    """A small one with batch statistics of its images, and the images."""
    keras.utils.set_random_seed(0)
    model = create_smallest(request.param)
    images = np.random.default_rng(0).random((8, *model.input_shape[1:]), dtype="float32")
    model(images, training=True)
    return model, images


def test_images_from_0_to_1_reach_the_range_the_network_wants(small):
    model, images = small
    rescaled = keras.Model(model.input, model.get_layer("rescaled").output)(images)
    divides = model.name == "EfficientNetB0"  # by 255 itself, which can't be switched off
    np.testing.assert_allclose(rescaled, 255 * images if divides else 2 * images - 1, rtol=1e-5, atol=1e-6)
    rescalings = [x.name for x in model.layers if isinstance(x, keras.layers.Rescaling)]
    assert len(rescalings) == (2 if divides else 1)


def test_outputs_are_logits(small):
    model, images = small
    assert model.layers[-1].get_config()["activation"] == "linear"
    assert model(images).shape == (8, 10)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_small_ones_export(small):
    model, images = small
    files = export.convert(model, ("float32", "int8"), [images])
    for precision, content in files.items():
        report = export.verify(model, content, [images], precision=precision)
        assert report.passed, report.problems
        contents = export.inspect(content)
        assert not contents.flex
        assert not contents.custom
    assert export.inspect(files["int8"]).float_tensors == ()


def test_names_carry_the_prefix():
    assert {name.removeprefix(applications.PREFIX) for name in NAMES} == set(applications.APPLICATIONS)
