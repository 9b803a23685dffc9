"""Spatial transformer against a loop over pixels that looks up four neighbours, and its gradients."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo.layers.spatial_transformer import IdentityMap, SpatialTransformer

IDENTITY = np.array([1, 0, 0, 0, 1, 0], "float32")
# In a 5 x 7 image every coordinate is 0.24 from a whole number, where the gradient jumps.
CLEAR_OF_KINKS = np.array([1.04, -0.02, -0.14, -0.01, 1.0, 0.15], "float32")
SMALL = st.integers(1, 6)


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def looked_up(image, theta, size):
    """Bilinear sampling of one `(h, w, c)`: black outside."""
    height, width, channels = image.shape
    sampled = np.zeros((*size, channels))
    for i, y in enumerate(np.linspace(-1, 1, size[0]) if size[0] > 1 else [0]):
        for j, x in enumerate(np.linspace(-1, 1, size[1]) if size[1] > 1 else [0]):
            across, down = theta.astype("float64").reshape(2, 3) @ [x, y, 1]
            column, row = (across + 1) * (width - 1) / 2, (down + 1) * (height - 1) / 2
            left, top = int(np.floor(column)), int(np.floor(row))
            for m, share in ((left, left + 1 - column), (left + 1, column - left)):
                for n, part in ((top, top + 1 - row), (top + 1, row - top)):
                    if 0 <= m < width and 0 <= n < height:
                        sampled[i, j] += share * part * image[n, m]
    return sampled


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(SMALL, SMALL, st.integers(1, 3)),
    size=st.none() | st.tuples(SMALL, SMALL),
    theta=st.lists(st.floats(-2, 2, width=16), min_size=6, max_size=6),
    training=st.booleans(),
)
def test_equals_looking_up_neighbours(shape, size, theta, training):
    images, theta = random(2, *shape), np.array([theta, IDENTITY], "float32")
    layer = SpatialTransformer(size)
    sampled = layer(images, theta, training=training)
    expected = np.stack([looked_up(*pair, size or shape[:2]) for pair in zip(images, theta, strict=True)])
    np.testing.assert_allclose(sampled, expected, atol=2e-4)


@pytest.mark.parametrize("training", [False, True])
def test_the_identity_changes_nothing(training):
    images = random(2, 7, 6, 3)
    theta = np.stack([IDENTITY, IDENTITY])
    np.testing.assert_allclose(SpatialTransformer()(images, theta, training=training), images, atol=1e-5)


def test_known_maps():
    """A shift by a pixel, a mirror image and a quarter turn, in coordinates that span 2 over 4 steps."""
    image = random(1, 5, 5, 1)
    cases = {
        (1, 0, 0.5, 0, 1, 0): np.pad(image[:, :, 1:], ((0, 0), (0, 0), (0, 1), (0, 0))),
        (-1, 0, 0, 0, 1, 0): image[:, :, ::-1],
        (0, -1, 0, 1, 0, 0): np.rot90(image, 1, (1, 2)),
    }
    for theta, expected in cases.items():
        sampled = SpatialTransformer()(image, np.array([theta], "float32"))
        np.testing.assert_allclose(sampled, expected, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients by TensorFlow's tape")
@pytest.mark.parametrize("theta", [IDENTITY, CLEAR_OF_KINKS], ids=["identity", "generic"])
def test_gradient_is_that_of_finite_differences(theta):
    """Also under the identity, where every coordinate is a kink and a difference sees both its sides."""
    import tensorflow as tf

    images, weights, step = random(1, 5, 7, 2), random(1, 5, 7, 2), 1e-3
    layer = SpatialTransformer()
    theta = tf.Variable(theta[None])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images, theta, training=True) * weights)
    found = tape.gradient(loss, theta).numpy()[0]
    for i in range(6):
        moved = [np.sum(layer(images, theta + sign * step * np.eye(6)[i]) * weights) for sign in (1, -1)]
        assert found[i] == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=0.02, abs=0.02)


def test_finds_a_shift_from_the_identity():
    """Gradient descent on theta alone brings a blob back that was shifted by two pixels."""
    x, y = np.meshgrid(np.arange(16), np.arange(16))
    blob, target = (np.exp(-((x - at) ** 2 + (y - 7) ** 2) / 8)[None, :, :, None] for at in (9, 7))
    constant = keras.Input((1,))
    theta = keras.layers.Dense(6, kernel_initializer="zeros", bias_initializer=IdentityMap())(constant)
    image = keras.Input((16, 16, 1))
    model = keras.Model([image, constant], SpatialTransformer()(image, theta))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    data = [blob.astype("float32"), np.zeros((1, 1), "float32")]
    losses = [model.train_on_batch(data, target.astype("float32")) for _ in range(80)]
    assert losses[-1] < 0.05 * losses[0]


def test_refuses_shapes():
    with pytest.raises(ValueError, match="output_size="):
        SpatialTransformer((1, 2, 3))
    with pytest.raises(ValueError, match=r"End the localisation network in Dense\(6\)"):
        SpatialTransformer()(random(1, 4, 4, 1), random(1, 3))
    with pytest.raises(ValueError, match="fixed size"):
        SpatialTransformer()(keras.Input((None, 4, 1)), keras.Input((6,)))


def test_network_starts_with_the_plain_classifier():
    """Untrained, the transformer passes the image on, so both nets with the same weights agree."""
    both = {flag: zoo.create("stn_cnn", input_shape=(16, 20, 2), transformer=flag) for flag in (True, False)}
    for layer in both[False].layers:
        layer.set_weights(both[True].get_layer(layer.name).get_weights())
    images = np.random.default_rng(0).random((3, 16, 20, 2), dtype="float32")
    np.testing.assert_allclose(both[True](images), both[False](images), atol=1e-4)
    assert "transformer" not in {layer.name for layer in both[False].layers}


@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 17, 2)])
def test_network_takes_other_images_and_views(shape):
    model = zoo.create("stn_cnn", input_shape=shape, classes=3, view=(12, 10))
    assert model.get_layer("transformer").output.shape == (None, 12, 10, shape[2])
    assert model(np.zeros((2, *shape), "float32")).shape == (2, 3)
