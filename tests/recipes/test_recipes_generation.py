"""Generation: bounds and likelihoods against densities written out in NumPy, and the pictures."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, logsumexp
from scipy.stats import bernoulli, norm

import export
import recipes
import zoo
from recipes import registry, tasks
from recipes.data.prepared import Split
from recipes.drawings import walk
from recipes.tasks import likelihood

SIZE = {"input_shape": (8, 8, 1), "hidden": "dense", "units": 8}
MODELS = {
    "vae": {"code": 3},
    "iwae": {"code": 3, "samples": 2},
    "conditional_vae": {"code": 3, "classes": 4},
    "ladder_vae": {"codes": (3, 2)},
}


def task_of(name):
    return tasks.get("conditional_generation" if name == "conditional_vae" else "generation")


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """Untrained, with a code that says something."""
    keras.utils.set_random_seed(0)
    model, rng = zoo.create(request.param, **SIZE, **MODELS[request.param]), np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    return model


@pytest.fixture
def test_split():
    rng = np.random.default_rng(1)
    return Split(rng.integers(0, 2, (24, 8, 8, 1)).astype(np.float32), np.arange(24) % 4)


def batches_of(split, size=10):
    return [(split.x[i : i + size], split.y[i : i + size]) for i in range(0, len(split.x), size)]


def inputs_of(model, split):
    return {"image": split.x, "label": split.y} if model.name == "conditional_vae" else split.x


def test_bound_by_densities(model, test_split):
    """log p(x, z) - log q(z | x) with the divergence in closed form, for the noise that is drawn."""
    scores = task_of(model.name).score(tasks.keras_predictor(model), batches_of(test_split), None)
    noise, total, rates = np.random.default_rng(0), [], []
    for x, y in batches_of(test_split):
        label = {"label": y} if model.name == "conditional_vae" else {}
        said = model.encoder({"image": x, **label} if label else x)
        said = {name: np.asarray(values, float) for name, values in said.items()}
        deviation = np.exp(said["log_variance"] / 2)
        z = said["mean"] + deviation * noise.standard_normal(deviation.shape)
        rate = [0.5 * (said["mean"] ** 2 + deviation**2 - 1 - 2 * np.log(deviation)).sum(1)]
        if model.name == "ladder_vae":
            prior = model.get_layer("prior1")(z.astype("float32"))
            p_mean, p_deviation = np.asarray(prior["mean"]), np.exp(np.asarray(prior["log_variance"]) / 2)
            precision = np.exp(-said["log_variance1"]) + p_deviation**-2
            mean = (said["mean1"] * np.exp(-said["log_variance1"]) + p_mean / p_deviation**2) / precision
            z = mean + noise.standard_normal(mean.shape) / np.sqrt(precision)
            ratio = 1 / (precision * p_deviation**2)
            squares = ((mean - p_mean) / p_deviation) ** 2
            rate.append(0.5 * (squares + ratio - 1 - np.log(ratio)).sum(1))
        z = z.astype("float32")
        p = expit(np.asarray(model.decoder({"code": z, **label} if label else z), float))
        total.append(-bernoulli(p).logpmf(x.astype(int)).sum((1, 2, 3)))
        rates.append(np.stack(rate, axis=1))
    nats, rates = np.concatenate(total).mean(), np.concatenate(rates).mean(0)
    assert scores["reconstruction_nats"] == pytest.approx(nats, rel=1e-4)
    assert scores["divergence"] == pytest.approx(rates.sum(), rel=1e-3)
    assert scores["negative_elbo"] == pytest.approx(nats + rates.sum(), rel=1e-4)
    by_code = {k: v for k, v in scores.items() if k.removeprefix("divergence").isdigit()}
    expected = {"divergence2": rates[0], "divergence1": rates[-1]} if len(rates) > 1 else {}
    assert by_code == pytest.approx(expected, rel=1e-3)


def test_likelihood_is_never_below_the_bound_and_grows_with_samples(model, test_split):
    inputs = inputs_of(model, test_split)
    means = [likelihood.log_likelihoods(model, inputs, k).mean() for k in (1, 20, 400)]
    assert means == sorted(means)
    scores = task_of(model.name).score(tasks.keras_predictor(model), batches_of(test_split), None)
    assert means[-1] > -scores["negative_elbo"]


def test_likelihood_does_not_depend_on_how_it_is_divided(model, test_split, monkeypatch):
    inputs = inputs_of(model, test_split)
    whole = likelihood.log_likelihoods(model, inputs, 30)
    for at_once in (7, 30, 70):
        monkeypatch.setattr(likelihood, "_AT_ONCE", at_once)
        np.testing.assert_allclose(likelihood.log_likelihoods(model, inputs, 30), whole, rtol=1e-5)


def test_likelihood_comes_to_the_integral():
    """With one number as the code, log p(x) can be integrated: what many samples estimate."""
    keras.utils.set_random_seed(1)
    model = zoo.create("vae", **{**SIZE, "input_shape": (3, 3, 1), "code": 1})
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.5 * rng.normal(size=weight.shape))
    x = rng.integers(0, 2, (4, 3, 3, 1)).astype(np.float32)
    z = np.linspace(-8, 8, 4001, dtype=np.float32)
    p = expit(np.asarray(model.decoder(z[:, None]), float))  # (z, h, w, 1)
    densities = [bernoulli(p).logpmf(image.astype(int)).sum((1, 2, 3)) + norm.logpdf(z) for image in x]
    expected = logsumexp(densities, axis=1) + np.log(z[1] - z[0])
    np.testing.assert_allclose(likelihood.log_likelihoods(model, x, 40_000), expected, atol=0.04)


def test_reference_says_with_how_many_samples(test_split, context_of):
    model = zoo.create("vae", **SIZE, code=3)
    context = context_of(test_split, test_split, "vae_mnist", **{"evaluation.importance_samples": 12})
    told = []
    heard = dataclasses.replace(context, progress=lambda *what: told.append(what))
    found = tasks.get("generation").reference(model, heard, {})
    assert told == [("comparing", 24, 24)]
    assert found["importance_samples"] == 12
    images = context.images(context.data.test.take(range(24)))
    expected = -likelihood.log_likelihoods(model, images, 12).mean()
    assert found["negative_log_likelihood"] == pytest.approx(expected, rel=1e-5)
    assert found["independent_pixels_nats"] < 64 * np.log(2)


def test_inputs_for_every_signature_and_one_code_for_scoring(model, test_split):
    """A file is calibrated, verified and scored as the Keras model is."""
    task = task_of(model.name)
    inputs = task.signature_inputs(model, inputs_of(model, test_split), None)
    assert set(inputs) == set(model.signatures)
    file = export.load(export.to_tflite(model, signatures=model.signatures))
    batches = batches_of(test_split)
    of_model = task.score(tasks.keras_predictor(model), batches, None)
    assert task.score(file, batches, None) == pytest.approx(of_model, rel=1e-4)
    verified = export.verify(
        model, export.to_tflite(model, signatures=model.signatures), inputs, model.signatures
    )
    assert verified.passed
    assert not verified.unchecked


def test_pictures(model, test_split, context_of, tmp_path):
    (tmp_path / "plots").mkdir()
    name = "conditional_vae_mnist" if model.name == "conditional_vae" else "vae_mnist"
    context = context_of(test_split, test_split, name)
    task_of(model.name).draw(tmp_path / "plots", context, model, tasks.keras_predictor(model))
    for picture in ("reconstructions", "samples", "walk"):
        with Image.open(tmp_path / "plots" / f"{picture}.png") as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_walk_keeps_its_ends_and_its_length_even():
    rng = np.random.default_rng(0)
    start, end = rng.normal(size=(2, 6, 5))
    np.testing.assert_allclose(walk.between(start, end, 0.0), start)
    np.testing.assert_allclose(walk.between(start, end, 1.0), end)
    middle = walk.between(start, end, 0.5)
    lengths = [np.linalg.norm(code, axis=1) for code in (start, middle, end)]
    np.testing.assert_allclose(lengths[1], (lengths[0] + lengths[2]) / 2)
    angles = [
        (middle * code).sum(1) / np.linalg.norm(middle, axis=1) / length
        for code, length in ((start, lengths[0]), (end, lengths[2]))
    ]
    np.testing.assert_allclose(*angles)
    np.testing.assert_allclose(walk.between(start, 2 * start, 0.5), 1.5 * start)
    assert np.isfinite(walk.between(start, -start, 0.5)).all()


def test_first_of_each_class():
    labels = np.array([3, 1, 3, 1, 1, 7])
    np.testing.assert_array_equal(walk.first_of_each_class(labels), [[1, 3], [0, 2], [5, 5]])


@pytest.mark.parametrize("name", ["iwae_mnist", "conditional_vae_mnist", "ladder_vae_mnist", "vq_vae_mnist"])
def test_recipe_runs_on_the_embedded_digits(name, tmp_path):
    small = {"model": registry.get(name).model, "data": "digits", "epochs": 1, "precisions": ["float32"]}
    if name != "vq_vae_mnist":
        small |= {"arguments.units": 16, "evaluation.importance_samples": 3}
    result = recipes.run(name, out=tmp_path / "run", **small)
    assert result.passed, result.problems
    headline = tasks.get(registry.get(name).task).HEADLINE
    assert result.report.file("float32").metrics[headline] == pytest.approx(
        result.metrics[headline], rel=1e-3
    )
    assert np.isfinite(list(result.metrics.values())).all()
