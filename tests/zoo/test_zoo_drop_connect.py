"""DropConnect: masks in training, the plain layer at inference."""

import numpy as np
import pytest

from zoo.layers.drop_connect import DropConnectConv2D, DropConnectDense

IMAGES = np.random.default_rng(0).normal(size=(3, 6, 5, 4)).astype("float32")


def dense(rate, seed=None, **options):
    return DropConnectDense(7, rate, seed, bias_initializer="random_normal", **options)


def conv(rate, seed=None, **options):
    return DropConnectConv2D(7, 3, rate, seed, bias_initializer="random_normal", **options)


@pytest.mark.parametrize("make", [dense, conv])
@pytest.mark.parametrize("training", [False, True])
def test_is_the_plain_layer_without_a_mask(make, training):
    """At inference, whatever the rate, and in training if the rate is 0."""
    layer = make(0.0 if training else 0.7, activation="tanh")
    outputs = layer(IMAGES, training=training)
    plain = (
        type(layer)
        .__bases__[0]
        .from_config({key: value for key, value in layer.get_config().items() if key not in ("rate", "seed")})
    )
    plain.build(IMAGES.shape)
    plain.set_weights(layer.get_weights()[: len(plain.weights)])
    np.testing.assert_array_equal(outputs, plain(IMAGES))


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_drops_weights_of_a_dense_layer(rate):
    """An input of one-hot rows reads the kernel that is used: each weight is 0 or divided by 1 - rate."""
    layer = DropConnectDense(300, rate, seed=1)
    used = np.asarray(layer(np.eye(200, dtype="float32"), training=True))
    kernel, kept = np.asarray(layer.kernel), used != 0
    np.testing.assert_allclose(used[kept], kernel[kept] / (1 - rate), rtol=1e-5)
    assert abs(np.mean(~kept) - rate) < 5 * np.sqrt(rate * (1 - rate) / kernel.size)


def test_drops_weights_of_a_convolution():
    """An impulse reads the kernel, mirrored."""
    layer = DropConnectConv2D(64, 3, 0.5, seed=1, padding="same")
    impulses = np.zeros((8, 3, 3, 8), "float32")
    impulses[np.arange(8), 1, 1, np.arange(8)] = 1
    used = np.asarray(layer(impulses, training=True))[:, ::-1, ::-1].transpose(1, 2, 0, 3)
    kernel, kept = np.asarray(layer.kernel), used != 0
    np.testing.assert_allclose(used[kept], kernel[kept] * 2, rtol=1e-5)
    assert abs(np.mean(kept) - 0.5) < 5 * np.sqrt(0.25 / kernel.size)


@pytest.mark.parametrize("make", [dense, conv])
def test_inference_is_the_mean_of_training(make):
    layer = make(0.5, seed=1)
    expected = np.asarray(layer(IMAGES))
    draws = np.stack([np.asarray(layer(IMAGES, training=True)) for _ in range(60)])
    deviation = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - expected) < 6 * deviation + 1e-6).all()


@pytest.mark.parametrize("make", [dense, conv])
def test_masks_are_seeded(make):
    first, other = make(0.5, seed=1), make(0.5, seed=2)
    again = type(first).from_config(first.get_config())
    for layer in (first, other, again):
        layer.build(IMAGES.shape)
    for layer in (other, again):
        for variable, value in zip(layer.trainable_variables, first.trainable_variables, strict=True):
            variable.assign(value)
    outputs = [np.asarray(layer(IMAGES, training=True)) for layer in (first, other, again)]
    assert (outputs[0] != outputs[1]).any()
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert (np.asarray(first(IMAGES, training=True)) != outputs[0]).any()


@pytest.mark.parametrize("rate", [1.0, -0.1, "half", None])
def test_refuses_rates(rate):
    with pytest.raises(ValueError, match="rate="):
        DropConnectDense(4, rate)
    with pytest.raises(ValueError, match="rate="):
        DropConnectConv2D(4, 3, rate)
