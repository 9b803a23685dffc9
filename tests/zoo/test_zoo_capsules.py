"""Capsules and their loss against loops over the equations of Sabour et al., and the network."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo.layers.capsules import CapsuleLengths, PrimaryCapsules, RoutingCapsules, lengths_of, squash
from zoo.layers.margin_loss import MarginLoss


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def squashed(s):
    """Equation 1 for one vector."""
    length = np.linalg.norm(s)
    return length**2 / (1 + length**2) * s / length


def routed(u, kernel, capsules, iterations):
    """Procedure 1 for the capsules `(i, d)` of one image."""
    below, dimension = u.shape
    w = kernel.reshape(below, dimension, capsules, -1)
    votes = np.array([[u[i] @ w[i, :, j] for j in range(capsules)] for i in range(below)])
    b = np.zeros((below, capsules))
    for _ in range(iterations):
        c = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)
        s = [sum(c[i, j] * votes[i, j] for i in range(below)) for j in range(capsules)]
        v = np.array([squashed(vector) for vector in s])
        b = b + np.einsum("ijk,jk->ij", votes, v)
    return v


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.floats(0.01, 30))
def test_squash(n, dimension, scale):
    s = scale * random(n, dimension)
    np.testing.assert_allclose(squash(s), [squashed(vector) for vector in s], rtol=1e-3, atol=1e-5)


def test_squash_at_zero_and_beyond_half_precision():
    assert not np.any(squash(np.zeros((2, 3), "float32")))
    large = keras.ops.cast(np.array([[300, 400]]), "float16")
    np.testing.assert_allclose(np.asarray(squash(large), "float32"), [[0.6, 0.8]], atol=2e-3)


@settings(max_examples=15, deadline=None)
@given(
    below=st.integers(1, 5),
    dimension=st.integers(1, 4),
    capsules=st.integers(1, 4),
    length=st.integers(1, 4),
    iterations=st.integers(1, 4),
)
def test_routing(below, dimension, capsules, length, iterations):
    u = random(2, below, dimension)
    layer = RoutingCapsules(capsules, length, iterations)
    v = layer(u)
    expected = [routed(image, np.asarray(layer.kernel), capsules, iterations) for image in u]
    np.testing.assert_allclose(v, expected, rtol=2e-3, atol=1e-4)
    votes, sums = below * capsules * length * dimension, 2 * (iterations - 1) * below * capsules * length
    assert layer.macs(u.shape[1:], v.shape[1:]) == votes + sums


def test_routing_sends_capsules_where_they_agree():
    """Three capsules below vote alike for the first capsule and apart for the second."""
    layer = RoutingCapsules(2, 2, 3)
    layer.build((None, 3, 1))
    apart = np.array([[1, 0], [-0.5, 0.8], [-0.5, -0.8]], "float32")
    kernel = np.concatenate([np.tile([[1.0, 1.0]], (3, 1)), apart], axis=1)[:, None]
    layer.set_weights([kernel])
    lengths = np.linalg.norm(layer(np.ones((1, 3, 1), "float32"))[0], axis=-1)
    even = RoutingCapsules(2, 2, 1)
    even.build((None, 3, 1))
    even.set_weights([kernel])
    assert lengths[0] > np.linalg.norm(even(np.ones((1, 3, 1), "float32"))[0, 0])
    assert lengths[1] < 0.1 < 0.8 < lengths[0]


def test_primary_capsules_are_a_convolution_squashed():
    images = random(2, 9, 8, 3)
    layer = PrimaryCapsules(capsules=2, dimension=4, kernel_size=(3, 4), strides=2)
    capsules = layer(images)
    maps = np.asarray(keras.ops.conv(images, layer.conv.kernel, 2, "valid"))  # (n, 4, 3, 8)
    expected = [squashed(vector) for vector in maps.reshape(-1, 4)]
    np.testing.assert_allclose(np.reshape(capsules, (-1, 4)), expected, rtol=1e-3, atol=1e-5)
    assert layer.macs((9, 8, 3), capsules.shape[1:]) == maps[0].size * 12 * 3


def test_lengths_and_their_logits():
    v = squashed(random(3, 4, 5)) * 0.99
    lengths = CapsuleLengths()(v)
    np.testing.assert_allclose(lengths, np.linalg.norm(v, axis=-1), atol=1e-4)
    logits = CapsuleLengths(as_logits=True)(v)
    np.testing.assert_allclose(logits, 10 * np.asarray(lengths) - 5, atol=1e-5)
    np.testing.assert_allclose(lengths_of(logits), lengths, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(2, 5), st.floats(0.6, 1), st.floats(0, 0.4), st.floats(0, 2))
def test_margin_loss(n, classes, present, absent, weight):
    rng = np.random.default_rng(n)
    lengths = rng.random((n, classes), dtype="float32")
    targets = rng.integers(0, 2, (n, classes))
    expected = [
        sum(
            t * max(0, present - v) ** 2 + weight * (1 - t) * max(0, v - absent) ** 2
            for t, v in zip(*row, strict=True)
        )
        for row in zip(targets, lengths, strict=True)
    ]
    loss = MarginLoss(present, absent, weight, reduction="none")
    np.testing.assert_allclose(loss(targets, lengths), expected, atol=1e-5)
    assert float(MarginLoss(present, absent, weight)(targets, lengths)) == pytest.approx(
        np.mean(expected), abs=1e-5
    )


@pytest.mark.parametrize("labels", [np.array([2, 0]), np.array([[2], [0]]), np.eye(3)[[2, 0]]])
def test_margin_loss_takes_labels_in_each_form(labels):
    lengths = np.array([[0.2, 0.5, 0.6], [0.9, 0.05, 0.3]], "float32")
    expected = [0.5 * (0.1**2 + 0.4**2) + 0.3**2, 0.5 * 0.2**2]
    np.testing.assert_allclose(MarginLoss(reduction="none")(labels, lengths), expected, atol=1e-6)
    from_logits = MarginLoss(from_logits=True, reduction="none")
    np.testing.assert_allclose(from_logits(labels, 10 * lengths - 5), expected, atol=1e-5)


def test_margin_loss_config_and_bad_margins():
    loss = MarginLoss(0.8, 0.2, 0.25, from_logits=True)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(copy, MarginLoss)
    assert copy.get_config() == loss.get_config()
    with pytest.raises(ValueError, match="absent=0.9"):
        MarginLoss(absent=0.9)


@pytest.mark.parametrize("given", [{"capsules": 0}, {"dimension": 1.5}, {"iterations": 0}])
def test_refuses_numbers(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        RoutingCapsules(**given)


def test_refuses_capsules_that_are_not_counted():
    with pytest.raises(ValueError, match="fixed size"):
        RoutingCapsules()(keras.Input((None, 8)))
    with pytest.raises(ValueError, match="padding="):
        PrimaryCapsules(padding="causal")


def test_network_has_the_published_size():
    """Of the encoder, layer by layer; the decoder, which only trains it, is not here."""
    model = zoo.create("capsnet")
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == {"stem": 20_992, "primary": 5_308_672, "digits": 1_474_560}
    assert model.get_layer("primary").output.shape == (None, 1152, 8)


def test_network_learns_by_the_margin_loss_too():
    keras.utils.set_random_seed(1)
    model = zoo.create("capsnet", input_shape=(19, 19, 1), classes=4, width=0.0625, output="lengths")
    images, labels = np.random.default_rng(0).random((8, 19, 19, 1), dtype="float32"), np.arange(8) % 4
    model.compile(keras.optimizers.Adam(3e-3), MarginLoss())
    losses = [model.train_on_batch(images, labels) for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]
    lengths = np.asarray(model(images))
    assert lengths.min() >= 0
    assert lengths.max() < 1


def test_network_refuses_images_without_room_for_both_windows():
    with pytest.raises(ValueError, match="at least 17 x 17"):
        zoo.create("capsnet", input_shape=(16, 28, 1))
    model = zoo.create("capsnet", input_shape=(64, 48, 3), classes=3, width=0.1, strides=(2, 3))
    assert model.output_shape == (None, 3)
