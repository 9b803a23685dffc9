"""The sampling layer against the closed form and the moments of what it samples."""

import keras
import numpy as np
import pytest

import zoo
from zoo.layers.sampling import GaussianSampling, gaussian_divergence


def parameters(n=64, code=5):
    rng = np.random.default_rng(3)
    mean = rng.normal(size=(n, code)).astype("float32")
    log_variance = rng.normal(-1, 0.5, size=(n, code)).astype("float32")
    return mean, log_variance


def divergence(mean, log_variance):
    """Kingma & Welling, 2014, appendix B, in float64."""
    mean, log_variance = mean.astype("float64"), log_variance.astype("float64")
    return -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(axis=1)


def test_divergence_is_the_closed_form():
    mean, log_variance = parameters()
    np.testing.assert_allclose(
        gaussian_divergence(mean, log_variance), divergence(mean, log_variance), rtol=1e-5
    )


def test_divergence_is_what_sampling_estimates():
    """E[log q(z) - log p(z)] over samples drawn with NumPy."""
    mean, log_variance = parameters(n=2)
    noise = np.random.default_rng(0).normal(size=(200_000, *mean.shape))
    samples = mean + np.exp(log_variance / 2) * noise
    log_ratio = (samples**2 - noise**2 - log_variance).sum(axis=2) / 2
    np.testing.assert_allclose(log_ratio.mean(axis=0), gaussian_divergence(mean, log_variance), rtol=0.02)


def test_divergence_of_the_prior_is_zero():
    np.testing.assert_array_equal(gaussian_divergence(np.zeros((2, 3)), np.zeros((2, 3))), [0, 0])


@pytest.mark.parametrize("training", [False, True])
def test_loss_is_added_in_training_and_at_inference(training):
    mean, log_variance = parameters()
    layer = GaussianSampling()
    layer(mean, log_variance, training=training)
    (loss,) = layer.losses
    assert float(loss) == pytest.approx(divergence(mean, log_variance).mean(), rel=1e-5)


def test_inference_gives_the_mean():
    mean, log_variance = parameters()
    np.testing.assert_array_equal(GaussianSampling()(mean, log_variance), mean)


def test_training_samples_have_the_moments():
    n = 40_000
    mean, log_variance = (np.tile(x, (n, 1)) for x in parameters(n=1, code=3))
    samples = np.asarray(GaussianSampling(seed=0)(mean, log_variance, training=True))
    deviation = np.exp(log_variance[0] / 2)
    error = deviation / np.sqrt(n)
    assert (np.abs(samples.mean(axis=0) - mean[0]) < 5 * error).all()
    np.testing.assert_allclose(samples.std(axis=0), deviation, rtol=0.02)
    correlation = np.corrcoef(samples.T) - np.eye(3)
    assert np.abs(correlation).max() < 0.03


def test_seed_repeats_and_the_sequence_moves_on():
    mean, log_variance = parameters()
    one, same, other = (GaussianSampling(seed=seed) for seed in (1, 1, 2))
    first = np.asarray(one(mean, log_variance, training=True))
    np.testing.assert_array_equal(first, same(mean, log_variance, training=True))
    assert not np.allclose(first, one(mean, log_variance, training=True))
    assert not np.allclose(first, other(mean, log_variance, training=True))


def test_config_round_trip():
    layer = GaussianSampling(seed=7, name="sampling")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, GaussianSampling)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("hidden", ["convolutional", "dense"])
def test_vae_reports_the_divergence_of_its_code(hidden):
    """evaluate() is the reconstruction loss plus the mean divergence of the encoder's outputs."""
    model = zoo.create("vae", hidden=hidden, units=16, code=4)
    images = np.random.default_rng(0).random((6, 28, 28, 1), dtype="float32")
    code = {name: np.asarray(value) for name, value in model.encoder(images).items()}
    expected = divergence(code["mean"], code["log_variance"]).mean()
    assert expected > 0
    model.compile(loss=lambda targets, outputs: keras.ops.zeros_like(outputs[:, 0, 0, 0]))
    assert model.evaluate(images, images, batch_size=6, verbose=0) == pytest.approx(expected, rel=1e-4)
