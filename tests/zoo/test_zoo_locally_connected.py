"""Unshared convolutions against a loop over positions, and against a shared one."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.locally_connected import LocallyConnected1D, LocallyConnected2D


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def same_margin(length, size, stride):
    missing = max(0, ((length + stride - 1) // stride - 1) * stride + size - length)
    return missing // 2, missing - missing // 2


def position_by_position(maps, kernel, bias, size, strides, padding):
    if padding == "same":
        margins = [same_margin(*axis) for axis in zip(maps.shape[1:3], size, strides, strict=True)]
        maps = np.pad(maps, ((0, 0), *margins, (0, 0)))
    rows = range(0, maps.shape[1] - size[0] + 1, strides[0])
    columns = range(0, maps.shape[2] - size[1] + 1, strides[1])
    outputs = []
    for row in rows:
        for column in columns:
            window = maps[:, row : row + size[0], column : column + size[1]]
            outputs.append(window.reshape(len(maps), -1) @ kernel[len(outputs)] + bias[len(outputs)])
    return np.stack(outputs, axis=1).reshape(len(maps), len(rows), len(columns), -1)


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    kernel_size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same"]),
)
def test_two_axes(sizes, kernel_size, strides, padding):
    maps = random(2, *sizes, 3)
    layer = LocallyConnected2D(4, kernel_size, strides, padding, activation="relu")
    layer.build(maps.shape)
    kernel, bias = random(*layer.kernel.shape), random(*layer.bias.shape)
    layer.set_weights([kernel, bias])
    expected = position_by_position(maps, kernel, bias, kernel_size, strides, padding)
    np.testing.assert_allclose(layer(maps), np.maximum(expected, 0), atol=1e-5)
    assert layer.compute_output_shape(maps.shape) == expected.shape
    assert layer.macs(maps.shape[1:], expected.shape[1:]) == kernel.size


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 8), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["valid", "same"]))
def test_one_axis(steps, kernel_size, strides, padding):
    maps = random(2, steps, 3)
    layer = LocallyConnected1D(4, kernel_size, strides, padding)
    layer.build(maps.shape)
    kernel, bias = random(*layer.kernel.shape), random(*layer.bias.shape)
    layer.set_weights([kernel, bias])
    geometry = (1, kernel_size), (1, strides), padding
    expected = position_by_position(maps[:, None], kernel, bias, *geometry)[:, 0]
    np.testing.assert_allclose(layer(maps), expected, atol=1e-5)
    assert layer.compute_output_shape(maps.shape) == expected.shape


def test_equal_kernels_are_a_convolution():
    maps = random(2, 7, 6, 3)
    shared = keras.layers.Conv2D(5, 3, strides=2, padding="same", use_bias=False)
    expected = shared(maps)
    layer = LocallyConnected2D(5, 3, 2, "same", use_bias=False)
    layer.build(maps.shape)
    kernel = np.asarray(shared.kernel).reshape(1, -1, 5)
    layer.set_weights([np.broadcast_to(kernel, layer.kernel.shape)])
    np.testing.assert_allclose(layer(maps), expected, atol=1e-5)


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal", "lecun_normal", "random_normal"])
def test_kernels_start_with_the_variance_of_a_convolution(initializer):
    layer = LocallyConnected2D(32, 3, kernel_initializer=initializer)
    layer.build((None, 12, 12, 16))
    dense = keras.initializers.get(initializer)((9 * 16, 32))
    assert np.std(layer.kernel) == pytest.approx(np.std(dense), rel=0.05)


def test_positions_learn_apart():
    """One image's every pixel is its own target: unshared 1 x 1 weights fit it, shared ones can't."""
    ones, targets = np.ones((1, 4, 4, 1), "float32"), random(1, 4, 4, 1)
    model = keras.Sequential([keras.Input((4, 4, 1)), LocallyConnected2D(1, 1)])
    model.compile(keras.optimizers.SGD(2.0), "mse")
    for _ in range(15):
        model.train_on_batch(ones, targets)
    np.testing.assert_allclose(model.predict_on_batch(ones), targets, atol=1e-2)


def test_refuses_maps_of_unknown_size():
    with pytest.raises(ValueError, match="fixed sizes"):
        LocallyConnected2D(4, 3)(keras.Input((None, 8, 1)))
    with pytest.raises(ValueError, match="No window"):
        LocallyConnected1D(4, 5)(keras.Input((4, 1)))
