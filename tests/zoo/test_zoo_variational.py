"""The variational family: penalties, bounds and weights against formulas written out in NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logsumexp
from scipy.stats import bernoulli, norm

import zoo
from zoo.autoencoders.importance_weighted import ImportanceWeightedAutoencoder
from zoo.autoencoders.likelihood import importance_bound
from zoo.layers.sampling import precision_weighted

SMALL = {"input_shape": (8, 8, 1), "code": 3, "hidden": "dense", "units": 8}
LADDER = {"input_shape": (8, 8, 1), "codes": (4, 3, 2), "hidden": "dense", "units": 8}


def divergence(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0):
    """Of two Gaussians, in closed form."""
    narrower = np.asarray(log_variance, float) - prior_log_variance
    squares = np.square(np.asarray(mean, float) - prior_mean) / np.exp(prior_log_variance)
    return 0.5 * (squares + np.exp(narrower) - 1 - narrower).sum(-1)


def model_and_inputs(name, n=5):
    """A small model, its inputs by name, and what the model takes."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    options = LADDER if name == "ladder_vae" else SMALL
    model = zoo.create(name, **options, **({"classes": 4} if name == "conditional_vae" else {}))
    for weight in model.trainable_weights:  # far from a code that says nothing
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    x = rng.integers(0, 2, size=(n, 8, 8, 1)).astype("float32")
    labels = np.arange(n) % 4
    return model, x, labels, {"image": x, "label": labels} if name == "conditional_vae" else x


def log_gaussian(z, mean, log_variance):
    return norm(mean, np.exp(log_variance / 2)).logpdf(z).sum(-1)


def as_floats(outputs):
    return {name: np.asarray(values, float) for name, values in outputs.items()}


def log_pixels(model, x, z, label=None):
    """log p(x | z), one image at a time."""
    code = z.astype("float32")
    if label is not None:
        code = {"code": code, "label": np.full(len(z), label)}
    p = expit(np.asarray(model.decoder(code), float))
    return bernoulli(p).logpmf(x.astype(int)).sum((1, 2, 3))


@pytest.mark.parametrize("name", ["vae", "beta_vae", "iwae", "conditional_vae"])
def test_log_weights_by_densities(name):
    model, x, labels, inputs = model_and_inputs(name)
    noise = np.random.default_rng(1).normal(size=(5, 7, model.noise)).astype("float32")
    found = np.asarray(model.log_weights(inputs, noise))
    code = as_floats(model.encoder(inputs))
    for i in range(5):
        mean, log_variance = code["mean"][i], code["log_variance"][i]
        z = mean + np.exp(log_variance / 2) * noise[i]
        expected = log_gaussian(z, 0, np.zeros(3)) - log_gaussian(z, mean, log_variance)
        label = labels[i] if name == "conditional_vae" else None
        np.testing.assert_allclose(found[i], expected + log_pixels(model, x[i], z, label), rtol=1e-4)


def test_log_weights_of_a_ladder_by_densities():
    model, x, _, inputs = model_and_inputs("ladder_vae")
    assert model.noise == 9
    noise = np.random.default_rng(1).normal(size=(5, 7, 9)).astype("float32")
    found, said = np.asarray(model.log_weights(inputs, noise)), as_floats(model.encoder(inputs))
    for i in range(5):
        mean, log_variance = said["mean"][i], said["log_variance"][i]
        z = mean + np.exp(log_variance / 2) * noise[i, :, :2]
        expected = log_gaussian(z, 0, np.zeros(2)) - log_gaussian(z, mean, log_variance)
        for level, part in ((2, noise[i, :, 2:5]), (1, noise[i, :, 5:])):
            prior = as_floats(model.get_layer(f"prior{level}")(z.astype("float32")))
            said_precision = np.exp(-said[f"log_variance{level}"][i])
            precision = said_precision + np.exp(-prior["log_variance"])
            weighed = said[f"mean{level}"][i] * said_precision
            mean = (weighed + prior["mean"] * np.exp(-prior["log_variance"])) / precision
            z = mean + part / np.sqrt(precision)
            expected += log_gaussian(z, prior["mean"], prior["log_variance"])
            expected -= log_gaussian(z, mean, -np.log(precision))
        np.testing.assert_allclose(found[i], expected + log_pixels(model, x[i], z), rtol=1e-4)


@pytest.mark.parametrize("name", ["vae", "conditional_vae"])
def test_weights_average_to_the_bound_that_is_trained(name):
    """The mean log weight is what loss and penalties add up to, on average over the noise."""
    model, x, labels, inputs = model_and_inputs(name, n=4)
    noise = np.random.default_rng(2).normal(size=(4, 4000, model.noise)).astype("float32")
    bound = np.asarray(model.log_weights(inputs, noise)).mean()
    x, labels = np.repeat(x, 2000, axis=0), np.repeat(labels, 2000)
    inputs = {"image": x, "label": labels} if name == "conditional_vae" else x
    p = np.asarray(model(inputs, training=True), float)
    nats = -bernoulli(p).logpmf(x.astype(int)).sum((1, 2, 3))
    error = nats.std() / np.sqrt(len(nats))
    assert nats.mean() + sum(map(float, model.losses)) == pytest.approx(-bound, abs=6 * error)


def test_losses_of_a_ladder_are_the_divergences_of_its_codes():
    model, _, _, x = model_and_inputs("ladder_vae")
    model(x)
    said, z = as_floats(model.encoder(x)), None
    expected = [divergence(said["mean"], said["log_variance"]).mean()]
    z = said["mean"]
    for level in (2, 1):
        prior = as_floats(model.get_layer(f"prior{level}")(z.astype("float32")))
        prior = [prior["mean"], prior["log_variance"]]
        both = precision_weighted(said[f"mean{level}"], said[f"log_variance{level}"], *prior)
        z, log_variance = (np.asarray(part, float) for part in both)
        expected.append(divergence(z, log_variance, *prior).mean())
    np.testing.assert_allclose(sorted(map(float, model.losses)), sorted(expected), rtol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_importance_bound(k, seed):
    """By its definition, never below the mean of the same weights, and equal to it for one."""
    weights = np.random.default_rng(seed).normal(-90, 8, size=(5, k)).astype("float32")
    bound = np.asarray(importance_bound(weights))
    np.testing.assert_allclose(bound, logsumexp(weights.astype(float), axis=1) - np.log(k), rtol=1e-5)
    assert (bound >= weights.mean(1) - 1e-3).all()
    if k == 1:
        np.testing.assert_allclose(bound, weights[:, 0], rtol=1e-6)


def test_more_samples_give_a_tighter_bound():
    model, _, _, x = model_and_inputs("iwae", n=16)
    noise = np.random.default_rng(0).normal(size=(16, 512, 3)).astype("float32")
    weights = np.asarray(model.log_weights(x, noise), float)
    bounds = [(logsumexp(weights.reshape(-1, k), axis=1) - np.log(k)).mean() for k in (1, 4, 32, 512)]
    assert bounds == sorted(bounds)
    assert bounds[-1] > bounds[0] + 0.5


@pytest.fixture
def iwae():
    model, _, _, x = model_and_inputs("iwae", n=8)
    assert isinstance(model, ImportanceWeightedAutoencoder)
    return model, x


def test_importance_weighted_loss_is_the_bound(iwae):
    model, x = iwae
    outputs = model(x, training=True)
    weights = np.asarray(outputs["log_weights"], float)
    assert weights.shape == (8, 5)
    expected = -(logsumexp(weights, axis=1) - np.log(5)).mean()
    assert float(model.total_loss(outputs, None)) == pytest.approx(expected, rel=1e-5)
    assert float(model.total_loss(outputs, None, [np.float32(2.5)])) == pytest.approx(
        expected + 2.5, rel=1e-5
    )


def test_importance_weighted_training_lowers_the_bound_and_only_it(iwae):
    model, x = iwae
    model.compile(
        keras.optimizers.Adam(3e-3), lambda y, p: 1e6 * keras.ops.mean(p, axis=(1, 2, 3)), metrics=["mse"]
    )
    losses = [model.train_on_batch(x, x, return_dict=True)["loss"] for _ in range(60)]
    assert max(losses) < 1000  # the loss that was compiled with does not count
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_importance_weighted_evaluation_is_that_of_the_vae(iwae):
    model, x = iwae
    model.compile(loss=lambda y, p: keras.ops.sum(keras.ops.binary_crossentropy(y, p), axis=(1, 2, 3)))
    p, code = np.asarray(model(x), float), model.encoder(x)
    nats = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
    expected = nats + divergence(*(np.asarray(code[name]) for name in ("mean", "log_variance"))).mean()
    assert model.evaluate(x, x, verbose=0) == pytest.approx(expected, rel=1e-3)


def test_samples_of_a_class():
    model, _, _, _ = model_and_inputs("conditional_vae")
    sample = model.signatures["sample"]
    noise = np.zeros((4, 3), "float32")
    pictures = np.asarray(sample({"noise": noise, "label": np.arange(4)}))
    assert pictures.shape == (4, 8, 8, 1)
    assert not np.allclose(pictures[0], pictures[1], atol=1e-3)
    code = {"code": noise, "label": np.arange(4)}
    np.testing.assert_allclose(pictures, expit(np.asarray(model.signatures["decode"](code))), atol=1e-6)


def test_samples_of_a_ladder():
    """Noise for the top code comes first, and zeros below it give what it says by itself."""
    model, *_ = model_and_inputs("ladder_vae")
    assert set(model.signatures) == {"reconstruct", "encode", "decode", "prior1", "prior2", "sample"}
    noise = np.random.default_rng(0).normal(size=(3, 9)).astype("float32")
    noise[:, 2:] = 0
    z = model.get_layer("prior2")(noise[:, :2])["mean"]
    z = model.get_layer("prior1")(z)["mean"]
    expected = expit(np.asarray(model.decoder(z)))
    np.testing.assert_allclose(model.signatures["sample"](noise), expected, atol=1e-6)
    other = np.concatenate([noise[:, :2], np.ones((3, 7), "float32")], axis=1)
    assert not np.allclose(model.signatures["sample"](other), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["beta_vae", "iwae", "conditional_vae", "ladder_vae"])
def test_saved_and_loaded(name, tmp_path):
    model, _, _, inputs = model_and_inputs(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert set(loaded.signatures) == set(model.signatures)
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    assert getattr(loaded, "samples", None) == getattr(model, "samples", None)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("beta_vae", {"beta": 0}),
        ("iwae", {"samples": 0}),
        ("conditional_vae", {"classes": 1.5}),
        ("ladder_vae", {"codes": (8,)}),
        ("ladder_vae", {"codes": 8}),
        ("ladder_vae", {"hidden": "deep"}),
        ("vq_vae", {"entries": 0}),
        ("vq_vae", {"commitment": -1.0}),
    ],
)
def test_refuses_arguments(name, given):
    with pytest.raises(ValueError, match=next(iter(given))):
        zoo.create(name, **given)
