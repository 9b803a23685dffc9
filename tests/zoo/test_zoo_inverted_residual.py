"""Inverted residual blocks: their layers, their shortcut and their gate; and scaled widths."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.inverted_residual import inverted_residual, squeeze_excitation
from zoo.layers.width import scaled_width


def images(shape, n=1, seed=0):
    return np.random.default_rng(seed).random((n, *shape), dtype="float32")


def random_weights(model):
    """Gives every weight a value of its own, so that no layer is the identity by its start."""
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.1, 0.5, weight.shape) for weight in model.get_weights()])


@settings(max_examples=100, deadline=None)
@given(filters=st.integers(1, 2048), multiplier=st.floats(0.05, 4), divisor=st.sampled_from((1, 4, 8)))
def test_scaled_width(filters, multiplier, divisor):
    wanted, width = filters * multiplier, scaled_width(filters, multiplier, divisor)
    assert width % divisor == 0
    assert width >= max(divisor, 0.9 * wanted)
    assert width <= max(divisor, wanted + divisor)


@pytest.mark.parametrize(
    ("filters", "multiplier", "expected"),
    [(32, 0.35, 16), (24, 0.35, 8), (16, 1.1, 16), (40, 1.4, 56), (320, 1.4, 448), (3, 1, 8)],
)
def test_scaled_width_as_published(filters, multiplier, expected):
    assert scaled_width(filters, multiplier) == expected


def block(shape, filters, **given):
    inputs = keras.Input(shape)
    return keras.Model(inputs, inverted_residual(inputs, filters, name="block", **given))


def test_inverted_residual_names():
    model = block((8, 8, 4), 4, expansion=3, kernel_size=5, squeeze=0.25)
    assert [layer.name for layer in model.layers][1:] == [
        *("block_expand_conv", "block_expand_bn", "block_expand_act"),
        *("block_depthwise", "block_depthwise_bn", "block_depthwise_act"),
        *("block_squeeze_pool", "block_squeeze_reduce", "block_squeeze_expand", "block_squeeze_scale"),
        *("block_project_conv", "block_project_bn", "block_add"),
    ]
    assert model.get_layer("block_depthwise").kernel_size == (5, 5)
    assert model.get_layer("block_expand_conv").filters == 12


def test_inverted_residual_adds_its_input():
    """With the projection's scale at zero only the input is left."""
    model = block((6, 6, 4), 4, expansion=2)
    model.get_layer("block_project_bn").gamma.assign(np.zeros(4))
    x = images((6, 6, 4), n=2)
    np.testing.assert_array_equal(model(x), x)


@pytest.mark.parametrize("given", [{"filters": 8}, {"filters": 4, "strides": 2}], ids=str)
def test_inverted_residual_that_changes_the_shape_adds_nothing(given):
    model = block((5, 7, 4), expansion=1, **given)
    names = [layer.name for layer in model.layers]
    assert "block_add" not in names
    assert "block_expand_conv" not in names
    strides = given.get("strides", 1)
    assert model.output_shape == (None, -(-5 // strides), -(-7 // strides), given["filters"])


def test_squeeze_excitation_against_numpy():
    inputs = keras.Input((3, 5, 6))
    model = keras.Model(inputs, squeeze_excitation(inputs, 2, name="se"))
    random_weights(model)
    x = images((3, 5, 6), n=4) - 0.5
    first, first_bias, second, second_bias = (weight.squeeze() for weight in model.get_weights())
    hidden = np.maximum(x.mean((1, 2)) @ first + first_bias, 0)
    gate = np.clip(hidden @ second + second_bias + 3, 0, 6) / 6
    np.testing.assert_allclose(model(x), x * gate[:, None, None], rtol=1e-5, atol=1e-6)
