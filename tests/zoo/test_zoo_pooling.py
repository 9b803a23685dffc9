"""L2, stochastic and channel pooling, and the windows below them, against loops in NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.channel_pooling import ChannelMaxPooling
from zoo.layers.l2_pooling import L2Pooling2D
from zoo.layers.stochastic_pooling import StochasticPooling2D
from zoo.layers.windows import Windows

GEOMETRY = {
    "height": st.integers(4, 9),
    "width": st.integers(4, 9),
    "size": st.tuples(st.integers(1, 4), st.integers(1, 4)),
    "strides": st.tuples(st.integers(1, 4), st.integers(1, 4)),
    "padding": st.sampled_from(["valid", "same"]),
}


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def margin(length, size, stride):
    missing = max(0, ((length + stride - 1) // stride - 1) * stride + size - length)
    return missing // 2, missing - missing // 2


def windows_of(images, size, strides, padding):
    """`(n, rows, columns, height * width, c)`, with zeros around the images if `padding` is "same"."""
    if padding == "same":
        margins = [margin(*axis) for axis in zip(images.shape[1:3], size, strides, strict=True)]
        images = np.pad(images, ((0, 0), *margins, (0, 0)))
    rows = range(0, images.shape[1] - size[0] + 1, strides[0])
    columns = range(0, images.shape[2] - size[1] + 1, strides[1])
    n, channels = images.shape[0], images.shape[3]
    patches = [[images[:, r : r + size[0], c : c + size[1]] for c in columns] for r in rows]
    flat = [[patch.reshape(n, -1, channels) for patch in row] for row in patches]
    return np.array(flat).transpose(2, 0, 1, 3, 4)


@settings(max_examples=25, deadline=None)
@given(**GEOMETRY)
def test_taps_are_windows(height, width, size, strides, padding):
    images = random(2, height, width, 3)
    windows = Windows(size, strides, padding)
    taps = np.stack([np.asarray(tap) for tap in windows.taps(images)], axis=3)
    np.testing.assert_array_equal(taps, windows_of(images, size, strides, padding))
    assert taps.shape[1:3] == windows.counts((height, width))


def test_windows_of_unknown_sizes():
    windows = Windows((3, 3), (1, 1), "same")
    assert windows.counts((None, None)) == (None, None)
    assert windows.margins((None, None)) == ((1, 1), (1, 1))
    with pytest.raises(ValueError, match="size is known"):
        Windows((3, 3), (2, 2), "same").margins((None, None))


def test_no_window_fits():
    with pytest.raises(ValueError, match="No window"):
        L2Pooling2D(4)(random(1, 3, 5, 1))


@settings(max_examples=25, deadline=None)
@given(**GEOMETRY)
def test_l2_pooling(height, width, size, strides, padding):
    images = random(2, height, width, 3)
    layer = L2Pooling2D(size, strides, padding)
    expected = np.sqrt((windows_of(images, size, strides, padding) ** 2).sum(axis=3))
    np.testing.assert_allclose(layer(images), expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape(images.shape) == expected.shape


@settings(max_examples=20, deadline=None)
@given(**GEOMETRY)
def test_stochastic_pooling_weighs_at_inference(height, width, size, strides, padding):
    images = random(2, height, width, 3)
    windows = np.maximum(windows_of(images, size, strides, padding), 0)
    total = windows.sum(axis=3, keepdims=True)
    shares = np.divide(windows, total, out=np.zeros_like(windows), where=total > 0)
    layer = StochasticPooling2D(size, strides, padding)
    np.testing.assert_allclose(layer(images), (shares * windows).sum(axis=3), rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(**GEOMETRY)
def test_stochastic_pooling_draws_an_activation(height, width, size, strides, padding):
    images = random(2, height, width, 3)
    windows = np.maximum(windows_of(images, size, strides, padding), 0)
    drawn = np.asarray(StochasticPooling2D(size, strides, padding)(images, training=True))
    assert (windows == drawn[:, :, :, None]).any(axis=3).all()
    assert ((drawn > 0) == (windows > 0).any(axis=3)).all()  # zero only where there is nothing else


def test_stochastic_pooling_draws_in_proportion():
    """20,000 draws from the window 1, 2, 5, -3: shares of 1/8, 2/8 and 5/8, each to 5 deviations."""
    images = np.tile(np.array([[1.0, 2.0], [5.0, -3.0]], "float32")[None, :, :, None], (20_000, 1, 1, 1))
    drawn = np.asarray(StochasticPooling2D(2, seed=3)(images, training=True)).ravel()
    for value, share in [(1, 1 / 8), (2, 2 / 8), (5, 5 / 8)]:
        deviation = np.sqrt(share * (1 - share) / len(drawn))
        assert abs(np.mean(drawn == value) - share) < 5 * deviation


def test_stochastic_pooling_is_seeded():
    images = random(4, 8, 8, 3)
    first, again, other = (
        np.asarray(StochasticPooling2D(2, seed=seed)(images, training=True)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_stochastic_pooling_never_draws_zero_in_low_precision():
    """Where rounding puts the number at the end of the window's sum, behind which only zeros follow."""
    images = np.zeros((4096, 2, 2, 1), "float32")
    images[:, 0, 0] = 1
    drawn = StochasticPooling2D(2, dtype="bfloat16")(images, training=True)
    assert (np.asarray(keras.ops.cast(drawn, "float32")) == 1).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.sampled_from([(), (3,), (3, 2)]))
def test_channel_pooling(size, strides, more, spatial):
    channels = size + more * strides
    maps = random(2, *spatial, channels)
    groups = [
        maps[..., first : first + size].max(axis=-1) for first in range(0, channels - size + 1, strides)
    ]
    layer = ChannelMaxPooling(size, strides)
    np.testing.assert_array_equal(layer(maps), np.stack(groups, axis=-1))
    assert layer.compute_output_shape(maps.shape) == (*maps.shape[:-1], len(groups))


def test_channel_pooling_of_images_of_any_size():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, ChannelMaxPooling(2)(inputs))
    assert model.output_shape == (None, None, None, 2)
    assert model.predict(random(2, 3, 5, 4), verbose=0).shape == (2, 3, 5, 2)


@pytest.mark.parametrize(("channels", "size", "strides"), [(5, 2, 2), (1, 2, 1), (6, 3, 2)])
def test_channel_pooling_leaves_no_channel_out(channels, size, strides):
    with pytest.raises(ValueError, match=f"{channels} channels"):
        ChannelMaxPooling(size, strides)(random(1, 4, channels))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="records gradients with TensorFlow")
def test_gradients_stay_finite_where_windows_are_zero():
    import tensorflow as tf

    images = tf.zeros((1, 4, 4, 1))
    for layer, training in [
        (L2Pooling2D(2), False),
        (StochasticPooling2D(2), True),
        (StochasticPooling2D(2), False),
    ]:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=training)
        assert np.isfinite(tape.gradient(outputs, images)).all()
