"""What two Gaussians say together, and the divergence of one from another."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from zoo.layers.sampling import (
    GaussianSampling,
    PrecisionWeightedSampling,
    gaussian_divergence,
    precision_weighted,
)


def gaussians(seed, n=6, code=4):
    """Mean, log variance, and those of a prior."""
    rng = np.random.default_rng(seed)
    return [rng.normal(scale=s, size=(n, code)).astype("float32") for s in (1, 0.7, 1, 0.7)]


def divergence(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0):
    """By numerical integration, coordinate by coordinate."""
    mean, deviation = mean.astype(float), np.exp(log_variance.astype(float) / 2)
    steps = np.linspace(-12, 12, 4001)
    z = mean[..., None] + deviation[..., None] * steps
    q = norm(mean[..., None], deviation[..., None])
    prior = np.broadcast_arrays(prior_mean, np.exp(np.asarray(prior_log_variance, float) / 2), mean)[:2]
    ratio = q.logpdf(z) - norm(prior[0][..., None], prior[1][..., None]).logpdf(z)
    return np.trapezoid(norm.pdf(steps) * ratio, steps, axis=-1).sum(-1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_divergence_of_two_gaussians_by_integration(seed):
    given = gaussians(seed)
    np.testing.assert_allclose(gaussian_divergence(*given), divergence(*given), rtol=1e-4, atol=1e-4)


def test_weight_of_the_divergence():
    mean, log_variance, *_ = gaussians(0)
    losses = []
    for weight in (1.0, 4.0):
        layer = GaussianSampling(weight=weight)
        layer(mean, log_variance)
        losses.append(float(layer.losses[0]))
    assert losses[0] == pytest.approx(divergence(mean, log_variance).mean(), rel=1e-4)
    assert losses[1] == pytest.approx(4 * losses[0])
    for wrong in (0, -1.0, "2", float("nan"), True):
        with pytest.raises(ValueError, match="weight="):
            GaussianSampling(weight=wrong)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_precision_weighting_is_the_product_of_the_densities(seed):
    """Up to a factor: the logarithms differ by the same number at every place."""
    mean, log_variance, other_mean, other_log_variance = gaussians(seed, n=3)
    both = [np.asarray(x, float) for x in precision_weighted(*gaussians(seed, n=3))]
    z = np.linspace(-2, 2, 7)[:, None, None]
    product = norm(mean, np.exp(log_variance / 2)).logpdf(z)
    product = product + norm(other_mean, np.exp(other_log_variance / 2)).logpdf(z)
    constant = norm(both[0], np.exp(both[1] / 2)).logpdf(z) - product
    np.testing.assert_allclose(constant, np.broadcast_to(constant[:1], constant.shape), atol=1e-3)


@pytest.mark.parametrize("training", [False, True])
def test_sampling_below_another_code(training):
    given = gaussians(1, n=4000, code=2) if training else gaussians(1)
    given = [np.repeat(x[:1], len(x), axis=0) for x in given] if training else given
    layer = PrecisionWeightedSampling(seed=3)
    found = np.asarray(layer(*given, training=training))
    mean, log_variance = (np.asarray(x) for x in precision_weighted(*given))
    assert float(layer.losses[0]) == pytest.approx(
        divergence(mean[:6], log_variance[:6], given[2][:6], given[3][:6]).mean(), rel=1e-3
    )
    if not training:
        np.testing.assert_array_equal(found, mean)
        return
    deviation = np.exp(log_variance[0] / 2)
    assert (np.abs(found.mean(0) - mean[0]) < 5 * deviation / np.sqrt(len(found))).all()
    np.testing.assert_allclose(found.std(0), deviation, rtol=0.06)


@pytest.mark.parametrize("layer", [GaussianSampling(4, 2.5), PrecisionWeightedSampling(4)])
def test_config_round_trip(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
