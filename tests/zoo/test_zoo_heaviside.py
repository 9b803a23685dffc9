"""The step, and the gradient that it does not have."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.layers.heaviside import Heaviside

VALUES = st.floats(-4, 4, width=32, allow_subnormal=False)  # TensorFlow's threads take those as 0


@settings(max_examples=40, deadline=None)
@given(arrays("float32", st.integers(1, 12), elements=VALUES), st.sampled_from(["identity", "clipped"]))
def test_is_exactly_a_step(inputs, gradient):
    layer, expected = Heaviside(gradient), (inputs >= 0).astype("float32")
    np.testing.assert_array_equal(layer(inputs), expected)
    np.testing.assert_array_equal(layer(inputs, training=True), expected)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="records gradients with TensorFlow")
@settings(max_examples=20, deadline=None)
@given(arrays("float32", st.integers(1, 12), elements=VALUES))
def test_gradient_is_that_of_the_line_it_stands_for(inputs):
    """Of `x`, or of `x` between -1 and 1, as finite differences of those give it away from the bends."""
    import tensorflow as tf

    inputs = inputs[np.abs(np.abs(inputs) - 1) > 0.01]
    lines = {"identity": lambda x: x, "clipped": lambda x: np.clip(x, -1, 1)}
    for gradient, line in lines.items():
        x, upstream = tf.constant(inputs), np.linspace(-2, 3, len(inputs)).astype("float32")
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = tf.reduce_sum(Heaviside(gradient)(x, training=True) * upstream)
        wide = inputs.astype("float64")
        slope = (line(wide + 1e-4) - line(wide - 1e-4)) / 2e-4
        np.testing.assert_allclose(tape.gradient(outputs, x), slope * upstream, atol=1e-5)


def test_threshold_units_learn():
    """Points above a line, by one threshold unit trained through its step."""
    points = np.random.default_rng(0).uniform(-1, 1, size=(256, 2)).astype("float32")
    above = (points[:, :1] + 0.5 * points[:, 1:] > 0.2).astype("float32")
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, "linear", kernel_initializer="zeros"), Heaviside()]
    )
    model.compile(keras.optimizers.Adam(0.1), "mse")
    for _ in range(60):
        model.train_on_batch(points, above)
    assert np.mean(model.predict_on_batch(points) == above) > 0.95


def test_refuses_gradients():
    with pytest.raises(ValueError, match="gradient="):
        Heaviside("none")
