"""The price of a code against distributions of SciPy, and the noise that stands for rounding."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import export
import zoo
from zoo.layers.entropy_bottleneck import EntropyBottleneck, interval_nats


def mixture(seed, units, components):
    rng = np.random.default_rng(seed)
    shape = (units, components)
    return rng.normal(size=shape), rng.normal(0, 3, size=shape), rng.uniform(-1, 2, size=shape)


def expected_nats(x, logits, location, log_scale):
    """-log of the difference of the mixtures' distribution functions, in float64."""
    weights = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    density = stats.logistic(location, np.exp(log_scale))
    wide = np.asarray(x, "float64")[..., None]
    return -np.log((weights * (density.cdf(wide + 0.5) - density.cdf(wide - 0.5))).sum(-1))


def built(code=3, **options):
    layer = EntropyBottleneck(**options)
    layer.build((None, code))
    return layer


def codes(n=64, code=3):
    return np.random.default_rng(1).normal(0, 2, size=(n, code)).astype("float32")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.integers(1, 6))
def test_price_is_that_of_the_mixture(seed, n, units, components):
    parameters = mixture(seed, units, components)
    x = np.random.default_rng(seed).normal(0, 4, size=(n, units))
    nats = np.asarray(interval_nats(x, *parameters))
    assert nats.shape == x.shape
    np.testing.assert_allclose(nats, expected_nats(x, *parameters), rtol=2e-4, atol=1e-4)


def test_probabilities_of_all_integers_sum_to_one():
    parameters = mixture(4, units=3, components=2)
    integers = np.repeat(np.arange(-200.0, 201.0)[:, None], 3, axis=1)
    np.testing.assert_allclose(np.exp(-np.asarray(interval_nats(integers, *parameters))).sum(0), 1, rtol=1e-4)


@pytest.mark.parametrize("x", [-4000.0, -60.0, 60.0, 4000.0])
def test_tails_are_as_long_as_the_logistic_distribution_has_them(x):
    """Where a difference of distribution functions is 0 in any precision: by the tail's own logarithm."""
    scale, centre = 0.5, 1.0
    nats = float(interval_nats([[x]], [[0.0]], [[centre]], [[np.log(scale)]])[0, 0])
    low, high = (abs(x - centre) - 0.5) / scale, (abs(x - centre) + 0.5) / scale
    tail = low - np.log1p(np.exp(-high)) + np.log1p(np.exp(-low)) - np.log1p(-np.exp(low - high))
    assert nats == pytest.approx(tail, rel=1e-5)


def test_inference_gives_the_code_and_prices_it_rounded():
    layer, code = built(rate_weight=0.3), codes()
    np.testing.assert_array_equal(layer(code), code)
    (loss,) = layer.losses
    parameters = (np.asarray(w) for w in (layer.logits, layer.location, layer.log_scale))
    nats = expected_nats(np.rint(code), *parameters).sum(1).mean()
    assert float(loss) == pytest.approx(0.3 * nats, rel=1e-4)


def test_training_adds_noise_and_prices_what_it_passes_on():
    layer, code = built(rate_weight=2.0), codes(n=4000)
    noisy = np.asarray(layer(code, training=True))
    (loss,) = layer.losses
    parameters = [np.asarray(w) for w in (layer.logits, layer.location, layer.log_scale)]
    assert float(loss) == pytest.approx(2 * expected_nats(noisy, *parameters).sum(1).mean(), rel=1e-4)
    noise = noisy - code
    assert np.abs(noise).max() <= 0.5 + 1e-6
    assert stats.kstest(noise.ravel(), stats.uniform(-0.5, 1).cdf).pvalue > 1e-3


def test_seed_repeats_and_the_sequence_moves_on():
    code = codes()
    one, same, other = (built(seed=seed) for seed in (1, 1, 2))
    first = np.asarray(one(code, training=True))
    np.testing.assert_array_equal(first, same(code, training=True))
    assert not np.allclose(first, one(code, training=True))
    assert not np.allclose(first, other(code, training=True))


def test_densities_learn_what_a_code_costs_at_least():
    """Codes of N(3, 5²): the price comes down to the entropy of that distribution, in nats."""
    keras.utils.set_random_seed(0)
    code = np.random.default_rng(0).normal(3, 5, size=(4096, 1)).astype("float32")
    inputs = keras.Input((1,))
    model = keras.Model(inputs, EntropyBottleneck(seed=0)(inputs))
    model.compile(keras.optimizers.Adam(0.05), loss=lambda targets, outputs: 0 * outputs[:, 0])
    for _ in range(150):
        price = model.train_on_batch(code, code)
    assert price == pytest.approx(stats.norm(3, 5).entropy(), abs=0.04)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_price_is_counted_in_float32(policy):
    layer = built(code=600, dtype=policy)
    outputs = layer(np.full((2, 600), 300, "float32"), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    (loss,) = layer.losses
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert np.isfinite(float(loss)) and float(loss) > 60_000  # what float16 cannot hold


def test_config_round_trip():
    layer = EntropyBottleneck(0.25, components=2, seed=7, name="entropy")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, EntropyBottleneck)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("given", [{"rate_weight": 0}, {"rate_weight": -1.0}, {"components": 0}])
def test_refuses_arguments(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        EntropyBottleneck(**given)


def test_model_adds_the_price_of_its_code():
    model = zoo.create("compression_autoencoder", code=4, filters=(4, 8), rate_weight=0.7)
    images = np.random.default_rng(0).random((6, 28, 28, 1), dtype="float32")
    model.compile(loss=lambda targets, outputs: keras.ops.zeros_like(outputs[:, 0, 0, 0]))
    rounded = np.rint(np.asarray(model.encoder(images)))
    nats = np.asarray(model.get_layer("entropy").nats(rounded)).sum(1).mean()
    assert nats > 1
    assert model.evaluate(images, images, batch_size=6, verbose=0) == pytest.approx(0.7 * nats, rel=1e-4)


def test_model_is_its_parts_and_prices_nothing_else():
    model = zoo.create("compression_autoencoder", code=4, filters=(4, 8))
    images = np.random.default_rng(0).random((3, 28, 28, 1), dtype="float32")
    np.testing.assert_allclose(model.decoder(model.encoder(images)), model(images), atol=1e-6)
    entropy = model.get_layer("entropy")
    parts = model.encoder.count_params() + model.decoder.count_params()
    assert model.count_params() == parts + entropy.count_params()
    assert set(model.signatures) == {"reconstruct", "encode", "decode"}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_files_hold_nothing_of_it():
    inputs = keras.Input((6,), name="inputs")
    x = EntropyBottleneck(name="entropy")(keras.layers.Dense(4, name="code")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(6, name="pixels")(x))
    data = np.random.default_rng(0).normal(size=(24, 6)).astype("float32")
    files = export.convert(model, ("float32", "int8"), calibration=[data])
    for precision, content in files.items():
        assert export.verify(model, content, [data], precision=precision).passed
        assert set(dict(export.inspect(content).operators)) <= {"FULLY_CONNECTED"}
    assert not export.inspect(files["int8"]).float_tensors
