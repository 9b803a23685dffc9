"""The table of architectures agrees with the code, and says what is possible when asked wrongly."""

import importlib
import inspect
import pkgutil

import pytest

import zoo
from zoo import registry


def decorated():
    """`{name: module}` of every function marked with @architecture in any module of the package."""
    found = {}
    for info in pkgutil.walk_packages(zoo.__path__, prefix="zoo."):
        module = importlib.import_module(info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if getattr(function, "is_architecture", False) and function.__module__ == info.name:
                found[name] = info.name
    return found


def test_table_and_decorated_functions_agree():
    assert decorated() == registry.ARCHITECTURES


def test_table_is_sorted():
    assert list(registry.ARCHITECTURES) == sorted(registry.ARCHITECTURES)


def test_list_models_filters_and_sorts():
    assert zoo.list_models() == sorted(registry.ARCHITECTURES)
    assert zoo.list_models("lenet5*") == ["lenet5", "lenet5_blur", "lenet5_modern"]
    assert zoo.list_models("*_decoder") == ["deconvolutional_decoder", "upsampling_decoder"]
    assert zoo.list_models("nothing*") == []


def test_create_passes_arguments_on():
    model = zoo.create("lenet5", input_shape=(32, 32, 3), classes=7)
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 7)


def test_unknown_name_is_answered_with_the_closest():
    with pytest.raises(zoo.UnknownArchitecture) as caught:
        zoo.create("seperable_cn")
    assert "'seperable_cn'" in str(caught.value)
    assert "'separable_cnn'" in str(caught.value)
    assert "list_models" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_unknown_name_without_a_close_one_suggests_nothing():
    with pytest.raises(zoo.UnknownArchitecture) as caught:
        zoo.create("zzz")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("name", [3, None, ("vae",)])
def test_a_name_that_is_no_text_is_unknown(name):
    with pytest.raises(zoo.UnknownArchitecture):
        zoo.create(name)


def test_unknown_argument_is_answered_with_what_it_takes():
    with pytest.raises(ValueError) as caught:
        zoo.create("ds_cnn", filter=32)
    message = str(caught.value)
    assert "'filter'" in message
    assert "Did you mean 'filters'" in message
    for parameter in inspect.signature(registry.find("ds_cnn")).parameters:
        assert parameter in message


def test_attribute_errors_name_what_there_is():
    with pytest.raises(AttributeError, match="list_models"):
        zoo.nothing_of_the_kind


def test_public_names_exist():
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
        assert name in dir(zoo)


@pytest.mark.parametrize("name", zoo.list_models())
def test_defaults_are_immutable(name):
    for parameter in inspect.signature(registry.find(name)).parameters.values():
        assert parameter.default is not inspect.Parameter.empty
        assert isinstance(parameter.default, (str, int, float, tuple, type(None)))
        assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
