"""Filters of several dilation rates against one ordinary convolution a rate, and against a loop."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.multi_dilation import MultiDilationConv2D


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def dilated(images, kernel, rate, largest):
    """Tap by tap with zeros around; `(n, h, w, c)` to the middle that every rate up to `largest` sees whole."""
    height, width = images.shape[1:3]
    outputs = np.zeros((*images.shape[:3], kernel.shape[-1]))
    before = [(size - 1) * rate // 2 for size in kernel.shape[:2]]
    reach = [(size - 1) * largest for size in kernel.shape[:2]]
    around = np.pad(images, ((0, 0), (reach[0],) * 2, (reach[1],) * 2, (0, 0)))
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            top = reach[0] - before[0] + i * rate
            left = reach[1] - before[1] + j * rate
            outputs += around[:, top : top + height, left : left + width] @ kernel[i, j]
    return outputs


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.tuples(st.integers(9, 11), st.integers(9, 11)),
    kernel_size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    rates=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    more=st.integers(0, 4),
    use_bias=st.booleans(),
)
def test_same(sizes, kernel_size, rates, more, use_bias):
    images = random(2, *sizes, 3)
    filters = len(rates) + more
    layer = MultiDilationConv2D(filters, kernel_size, rates, activation="relu", use_bias=use_bias)
    layer.build(images.shape)
    weights = [random(*weight.shape) for weight in layer.weights]
    layer.set_weights(weights)
    parts = np.split(weights[0], np.cumsum(layer.shares())[:-1], axis=-1)
    expected = [dilated(images, part, rate, max(rates)) for part, rate in zip(parts, rates, strict=True)]
    expected = np.concatenate(expected, axis=-1) + (weights[1] if use_bias else 0)
    np.testing.assert_allclose(layer(images), np.maximum(expected, 0), atol=1e-4)
    assert layer.compute_output_shape(images.shape) == expected.shape
    assert layer.macs(images.shape[1:], expected.shape[1:]) == expected[0, ..., 0].size * weights[0].size


def test_valid_is_the_middle_of_same():
    images = random(1, 11, 10, 2)
    same, valid = (MultiDilationConv2D(5, 3, (1, 2, 4), padding) for padding in ("same", "valid"))
    expected = same(images)[:, 4:-4, 4:-4]
    valid.build(images.shape)
    valid.set_weights(same.get_weights())
    np.testing.assert_allclose(valid(images), expected, atol=1e-5)
    assert valid.compute_output_shape(images.shape) == (1, 3, 2, 5)


def test_one_rate_is_a_convolution():
    images = random(2, 8, 8, 3)
    ours, theirs = MultiDilationConv2D(4, 3, (2,)), keras.layers.Conv2D(4, 3, padding="same", dilation_rate=2)
    expected = theirs(images)
    ours.build(images.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(images), expected, atol=1e-5)


@pytest.mark.parametrize(("filters", "shares"), [(3, [1, 1, 1]), (7, [3, 2, 2]), (8, [3, 3, 2])])
def test_shares(filters, shares):
    assert MultiDilationConv2D(filters, 3, (1, 2, 3)).shares() == shares


def test_refuses_too_few_filters():
    with pytest.raises(ValueError, match="at least 3 filters"):
        MultiDilationConv2D(2, 3, (1, 2, 4))
