"""Blur pooling against a plain convolution in NumPy, and what it is for."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.blur import BlurPool2D, MaxBlurPool2D, binomial_kernel


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def padded(images, size, strides, padding):
    """The images with what the layer puts around them."""
    before = (size - 1) // 2
    margins = [(before, size - 1 - before)] * 2
    if padding == "reflect":
        return np.pad(images, ((0, 0), *margins, (0, 0)), mode="reflect")
    missing = [
        max(0, ((length + stride - 1) // stride - 1) * stride + size - length)
        for length, stride in zip(images.shape[1:3], strides, strict=True)
    ]
    return np.pad(images, ((0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)))


def filtered(images, size, strides, padding):
    images = padded(images, size, strides, padding)
    row = np.ones(1)
    for _ in range(size - 1):
        row = np.convolve(row, [0.5, 0.5])
    rows = range(0, images.shape[1] - size + 1, strides[0])
    columns = range(0, images.shape[2] - size + 1, strides[1])
    outputs = [
        [np.einsum("nijc,i,j->nc", images[:, r : r + size, c : c + size], row, row) for c in columns]
        for r in rows
    ]
    return np.array(outputs).transpose(2, 0, 1, 3)


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(4, 9),
    width=st.integers(4, 9),
    size=st.integers(1, 6),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["same", "reflect"]),
)
def test_equals_a_plain_convolution(height, width, size, strides, padding):
    images = random(2, height, width, 3)
    layer = BlurPool2D(strides, size, padding)
    expected = filtered(images, size, strides, padding)
    np.testing.assert_allclose(layer(images), expected, atol=1e-5)
    assert layer.compute_output_shape(images.shape) == expected.shape
    assert expected.shape[1:3] == (-(-height // strides[0]), -(-width // strides[1]))


def test_kernel():
    np.testing.assert_allclose(binomial_kernel(3) * 16, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    np.testing.assert_allclose(binomial_kernel(5)[0] * 256, [1, 4, 6, 4, 1])
    assert binomial_kernel(1) == 1


@pytest.mark.parametrize("pool_size", [2, (3, 1)])
def test_max_blur_is_both(pool_size):
    images = random(2, 7, 6, 3)
    maxima = keras.layers.MaxPooling2D(pool_size, 1, "same")(images)
    expected = BlurPool2D(2, 4, "reflect")(maxima)
    layer = MaxBlurPool2D(pool_size, 2, 4, "reflect")
    np.testing.assert_array_equal(layer(images), expected)
    assert layer.compute_output_shape(images.shape) == tuple(expected.shape)


def test_removes_what_subsampling_would_alias():
    """A pattern of period 2 is a constant to every second pixel, and to a binomial filter nothing."""
    stripes = np.tile([1.0, -1.0], 8).astype("float32")[None, None, :, None].repeat(16, axis=1)
    for size in (2, 3, 5):
        inner = np.asarray(BlurPool2D(2, size, "reflect")(stripes))[:, 2:-2, 2:-2]
        np.testing.assert_allclose(inner, 0, atol=1e-6)


def test_no_parameters():
    layer = MaxBlurPool2D()
    layer(random(1, 4, 4, 2))
    assert layer.count_params() == 0


def test_images_of_any_size():
    for padding in ("same", "reflect"):
        inputs = keras.Input((None, None, 2))
        model = keras.Model(inputs, BlurPool2D(2, 3, padding)(inputs))
        images = random(1, 7, 9, 2)
        np.testing.assert_allclose(
            model.predict(images, verbose=0), filtered(images, 3, (2, 2), padding), atol=1e-6
        )


def test_refuses_to_mirror_too_small_images():
    with pytest.raises(ValueError, match="at least 3 pixels"):
        BlurPool2D(2, 5, "reflect")(random(1, 2, 8, 1))
