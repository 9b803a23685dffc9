"""Attention over channels, places and time against NumPy, and its maps read out of a model."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.attention import ChannelAttention, SpatialAttention, TemporalAttention

SMALL = st.integers(1, 5)


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def randomised(layer, *shape):
    layer.build((None, *shape))
    layer.set_weights([random(*weight.shape) for weight in layer.weights])
    return [np.asarray(weight) for weight in layer.weights]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@settings(max_examples=20, deadline=None)
@given(SMALL, SMALL, st.integers(1, 9), st.integers(1, 4), st.booleans())
def test_channels(height, width, channels, ratio, use_max):
    x = random(3, height, width, channels)
    layer = ChannelAttention(ratio, use_max)
    w1, b1, w2, b2 = randomised(layer, height, width, channels)
    assert w1.shape == (channels, max(1, channels // ratio))
    squeezed = [x.mean(axis=(1, 2)), *([x.max(axis=(1, 2))] if use_max else [])]
    weights = sigmoid(sum(np.maximum(vector @ w1 + b1, 0) @ w2 + b2 for vector in squeezed))
    np.testing.assert_allclose(layer.attention(x)[:, 0, 0], weights, atol=1e-5)
    np.testing.assert_allclose(layer(x), x * weights[:, None, None], atol=1e-5)
    products = len(squeezed) * (w1.size + w2.size) + x[0].size
    assert layer.macs(x.shape[1:], x.shape[1:]) == products


@settings(max_examples=20, deadline=None)
@given(SMALL, SMALL, SMALL, st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3])))
def test_places(height, width, channels, kernel_size):
    x = random(3, height, width, channels)
    layer = SpatialAttention(kernel_size)
    kernel, bias = randomised(layer, height, width, channels)
    pooled = np.stack([x.mean(axis=-1), x.max(axis=-1)], axis=-1)
    margins = [(size // 2, size // 2) for size in kernel_size]
    padded = np.pad(pooled, ((0, 0), *margins, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel_size, axis=(1, 2))
    weights = sigmoid(np.einsum("nhwcij,ijc->nhw", windows, kernel[..., 0]) + bias)[..., None]
    np.testing.assert_allclose(layer.attention(x), weights, atol=1e-5)
    np.testing.assert_allclose(layer(x), x * weights, atol=1e-5)
    assert layer.macs(x.shape[1:], x.shape[1:]) == height * width * kernel.size + x[0].size
    assert layer.window() == (kernel_size, 1, 1)


@settings(max_examples=20, deadline=None)
@given(SMALL, SMALL, SMALL)
def test_time(steps, features, units):
    x = random(3, steps, features)
    layer = TemporalAttention(units)
    w, b, u = randomised(layer, steps, features)
    scores = (np.tanh(x @ w + b) @ u)[..., 0]
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(layer.attention(x), weights, atol=1e-5)
    np.testing.assert_allclose(layer(x), np.einsum("nt,ntd->nd", weights, x), atol=1e-5)
    assert layer.macs(x.shape[1:], (features,)) == steps * (w.size + u.size + features)


@pytest.mark.parametrize(
    ("layer", "shape", "map_shape"),
    [
        (ChannelAttention(2), (6, 5, 4), (1, 1, 4)),
        (SpatialAttention(3), (6, 5, 4), (6, 5, 1)),
        (TemporalAttention(3), (7, 4), (7,)),
    ],
    ids=["channels", "places", "time"],
)
def test_the_map_of_a_model_is_read_by_a_second_model(layer, shape, map_shape):
    inputs = keras.Input(shape)
    hidden = keras.layers.Dense(shape[-1], name="hidden")(inputs)
    model = keras.Model(inputs, layer(hidden))
    reader = keras.Model(model.input, layer.attention(layer.input))
    x = random(2, *shape)
    seen = reader(x)
    assert seen.shape == (2, *map_shape)
    hidden = model.get_layer("hidden")(x)
    np.testing.assert_allclose(seen, layer.attention(hidden), atol=1e-6)
    # Both models share the weights.
    layer.set_weights([0 * weight for weight in layer.get_weights()])
    flat = 1 / 7 if map_shape == (7,) else 0.5
    np.testing.assert_allclose(reader(x), np.full((2, *map_shape), flat), atol=1e-6)


def test_attention_learns_where_the_answer_is():
    """Every step carries a pair of numbers; the sequence asks for those of the marked one."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    pairs, at = rng.normal(size=(512, 8, 2)), rng.integers(8, size=512)
    x = np.concatenate([3 * np.eye(8)[at][..., None], pairs], axis=-1).astype("float32")
    inputs, layer = keras.Input((8, 3)), TemporalAttention(8)
    model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
    model.compile(keras.optimizers.Adam(0.03), "mse")
    for _ in range(150):
        model.train_on_batch(x, pairs[np.arange(512), at])
    found = np.argmax(layer.attention(x), axis=1)
    assert np.mean(found == at) > 0.9


@pytest.mark.parametrize(
    ("layer", "given"),
    [
        (ChannelAttention, {"ratio": 0}),
        (SpatialAttention, {"kernel_size": (1, 2, 3)}),
        (TemporalAttention, {"units": -1}),
    ],
)
def test_refuses_arguments(layer, given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        layer(**given)
