"""Maxout units against the maximum of affine functions."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.maxout import Maxout, MaxoutConv2D


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([(2, 3), (2, 4, 5), (1, 2, 2, 3)]))
def test_dense(units, pieces, shape):
    inputs = random(*shape)
    layer = Maxout(units, pieces)
    layer.build(shape)
    kernel, bias = random(shape[-1], units * pieces), random(units * pieces)
    layer.set_weights([kernel, bias])
    affine = np.einsum("...c,cij->...ij", inputs, kernel.reshape(shape[-1], units, pieces))
    expected = (affine + bias.reshape(units, pieces)).max(axis=-1)
    np.testing.assert_allclose(layer(inputs), expected, atol=1e-5)
    assert layer.compute_output_shape(shape) == expected.shape
    assert layer.macs(shape[1:], expected.shape[1:]) == inputs[0].size * units * pieces


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.sampled_from(["valid", "same"]))
def test_convolution(filters, pieces, strides, padding):
    images = random(2, 6, 5, 3)
    layer = MaxoutConv2D(filters, 3, pieces, strides, padding)
    maps = np.asarray(layer(images))
    plain = keras.layers.Conv2D(filters * pieces, 3, strides, padding)
    plain.build(images.shape)
    plain.set_weights(layer.get_weights())
    affine = np.asarray(plain(images))
    expected = affine.reshape(*affine.shape[:3], filters, pieces).max(axis=-1)
    np.testing.assert_allclose(maps, expected, atol=1e-6)
    assert layer.compute_output_shape(images.shape) == expected.shape
    taps = 9 * 3 * filters * pieces
    assert layer.macs(images.shape[1:], expected.shape[1:]) == expected[0, ..., 0].size * taps


def test_two_pieces_make_an_absolute_value():
    layer = Maxout(1, 2)
    layer.build((None, 1))
    layer.set_weights([np.array([[1.0, -1.0]], "float32"), np.zeros(2, "float32")])
    inputs = random(20, 1)
    np.testing.assert_array_equal(layer(inputs), np.abs(inputs))


@pytest.mark.parametrize("make", [lambda **given: Maxout(**{"units": 2, **given})])
@pytest.mark.parametrize("given_", [{"units": 0}, {"pieces": 0}, {"pieces": 1.5}])
def test_refuses(make, given_):
    with pytest.raises(ValueError, match=f"{next(iter(given_))}="):
        make(**given_)
