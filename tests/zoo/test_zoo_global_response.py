"""Global response normalisation against its algorithm in NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.global_response import GlobalResponseNormalization

SMALL = st.integers(1, 6)


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


@settings(max_examples=20, deadline=None)
@given(SMALL, SMALL, SMALL, st.floats(1e-3, 1e3))
def test_equals_the_algorithm(height, width, channels, scale):
    x = scale * random(2, height, width, channels)
    layer = GlobalResponseNormalization()
    layer.build(x.shape)
    gamma, beta = random(2, channels)
    layer.set_weights([gamma.reshape(1, 1, -1), beta.reshape(1, 1, -1)])
    norm = np.sqrt((x.astype("float64") ** 2).sum(axis=(1, 2), keepdims=True))
    share = norm / (norm.mean(axis=-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer(x), gamma * x * share + beta + x, rtol=1e-4, atol=1e-5 * scale)


def test_starts_as_the_identity():
    x = random(2, 3, 4, 5)
    np.testing.assert_array_equal(GlobalResponseNormalization()(x), x)


def test_squares_do_not_overflow_in_float16():
    layer = GlobalResponseNormalization(dtype="mixed_float16")
    layer.build((1, 8, 8, 2))
    layer.set_weights([np.ones((1, 1, 2)), np.zeros((1, 1, 2))])
    doubled = np.asarray(layer(np.full((1, 8, 8, 2), 400, "float32")), "float32")
    np.testing.assert_allclose(doubled, 800, rtol=2e-3)


def test_gradient_of_a_channel_of_zeros_is_finite():
    """As behind a ReLU that nothing passes; the plain norm's gradient would be NaN."""
    x = random(4, 3, 3, 2)
    x[..., 0] = 0
    model = keras.Sequential(
        [keras.Input((3, 3, 2)), keras.layers.Conv2D(2, 1), GlobalResponseNormalization()]
    )
    model.layers[0].set_weights([np.eye(2).reshape(1, 1, 2, 2), np.zeros(2)])
    model.layers[1].set_weights([np.ones((1, 1, 2))] * 2)
    model.compile("sgd", "mse")
    model.train_on_batch(x, np.zeros_like(x))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("epsilon", [0, -1e-6])
def test_refuses_epsilon(epsilon):
    with pytest.raises(ValueError, match="epsilon="):
        GlobalResponseNormalization(epsilon)
