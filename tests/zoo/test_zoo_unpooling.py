"""Unpooling against a loop over windows."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.unpooling import MaxUnpooling2D


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def firsts(length, size, stride, padding):
    """Where the windows of an axis start; before 0 in the padding."""
    if padding == "valid":
        return list(range(0, length - size + 1, stride))
    count = (length + stride - 1) // stride
    missing = max(0, (count - 1) * stride + size - length)
    return [i * stride - missing // 2 for i in range(count)]


def unpooled(values, before, size, strides, padding, places):
    """Window by window: what each place is given, divided by how often."""
    total, count = np.zeros(before.shape), np.zeros(before.shape)
    axes = [firsts(*axis, padding) for axis in zip(before.shape[1:3], size, strides, strict=True)]
    for i, top in enumerate(axes[0]):
        for j, left in enumerate(axes[1]):
            window = (
                slice(None),
                slice(max(top, 0), top + size[0]),
                slice(max(left, 0), left + size[1]),
            )
            patch = before[window]
            maxima = patch.max(axis=(1, 2), keepdims=True)
            at = np.ones(patch.shape) if places == "all" else patch == maxima
            total[window] += at * values[:, i : i + 1, j : j + 1]
            count[window] += at
    return total / np.maximum(count, 1)


GEOMETRY = {
    "sizes": st.tuples(st.integers(4, 9), st.integers(4, 9)),
    "size": st.tuples(st.integers(1, 4), st.integers(1, 4)),
    "strides": st.tuples(st.integers(1, 4), st.integers(1, 4)),
    "padding": st.sampled_from(["valid", "same"]),
}


@settings(max_examples=40, deadline=None)
@given(**GEOMETRY, places=st.sampled_from(["maxima", "all"]))
def test_equals_a_loop_over_windows(sizes, size, strides, padding, places):
    before = random(2, *sizes, 3)
    pooled = keras.layers.MaxPooling2D(size, strides, padding)(before)
    values = random(*pooled.shape, seed=1)
    layer = MaxUnpooling2D(size, strides, padding, places)
    expected = unpooled(values, before, size, strides, padding, places)
    np.testing.assert_allclose(layer(values, before), expected, atol=1e-6)
    assert layer.compute_output_shape(values.shape, before.shape) == before.shape


@settings(max_examples=15, deadline=None)
@given(**GEOMETRY)
def test_restores_the_maxima(sizes, size, strides, padding):
    before = random(1, *sizes, 2)
    pooled = np.asarray(keras.layers.MaxPooling2D(size, strides, padding)(before))
    restored = np.asarray(MaxUnpooling2D(size, strides, padding)(pooled, before))
    filled = restored != 0
    np.testing.assert_allclose(restored[filled], before[filled], rtol=1e-6)
    assert np.isclose(pooled.reshape(-1, 1), restored[filled], rtol=1e-6).any(axis=1).all()


def test_copying_without_the_map_before():
    values = random(2, 3, 4, 2)
    copied = values.repeat(2, axis=1).repeat(3, axis=2)
    np.testing.assert_array_equal(MaxUnpooling2D((2, 3), places="all")(values), copied)
    overlapping = MaxUnpooling2D(3, 2, places="all")
    assert overlapping(values).shape == overlapping.compute_output_shape(values.shape) == (2, 7, 9, 2)
    assert MaxUnpooling2D(3, 2, "same", "all")(values).shape == (2, 6, 8, 2)


def test_equal_maxima_share_the_value():
    before = np.array([[1, 1], [0, 1]], "float32")[None, :, :, None]
    restored = MaxUnpooling2D(2)(np.full((1, 1, 1, 1), 5, "float32"), before)
    np.testing.assert_array_equal(np.asarray(restored)[0, :, :, 0], [[5, 5], [0, 5]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="records gradients with TensorFlow")
def test_gradients_come_from_the_maxima():
    import tensorflow as tf

    before = random(1, 4, 4, 1)
    values = tf.constant(random(1, 2, 2, 1))
    weights = random(1, 4, 4, 1, seed=2)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(MaxUnpooling2D(2)(values, before) * weights)
    patches = before.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(2, 2, 4)
    chosen = weights.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(2, 2, 4)
    expected = np.take_along_axis(chosen, patches.argmax(axis=-1)[..., None], axis=-1)
    np.testing.assert_allclose(tape.gradient(total, values)[0], expected)


@pytest.mark.parametrize(
    ("values", "before", "places", "message"),
    [
        ((2, 2, 1), (5, 7, 1), "maxima", "don't come from"),
        ((2, 2, 1), (4, 4, 2), "all", "don't come from"),
        ((2, 2, 1), None, "maxima", "needs the map before"),
        ((None, 2, 1), None, "all", "fixed"),
    ],
)
def test_refuses_shapes_that_do_not_belong(values, before, places, message):
    inputs = [keras.Input(shape) for shape in (values, before) if shape]
    with pytest.raises(ValueError, match=message):
        MaxUnpooling2D(2, places=places)(*inputs)
