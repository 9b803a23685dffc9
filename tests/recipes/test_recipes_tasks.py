"""What "good" means, against NumPy and scikit-learn written out here."""

import types

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

import export
import zoo
from recipes import tasks
from recipes.data.prepared import Split
from recipes.tasks import similarity


def split_in(x, y, size):
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


@pytest.fixture
def images():
    return np.random.default_rng(0).random((24, 8, 8, 1), dtype=np.float32)


def test_classification_scores(images, context_of):
    task = tasks.get("classification")
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 24)
    weights = rng.normal(size=(64, 5))
    scores = task.score(
        lambda x: x.reshape(len(x), -1) @ weights,
        split_in(images, labels, 7),
        context_of(None, Split(images, labels)),
    )
    logits = images.reshape(24, -1) @ weights
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert scores["accuracy"] == accuracy_score(labels, logits.argmax(1))
    assert scores["f1"] == pytest.approx(f1_score(labels, logits.argmax(1), average="macro"))
    assert scores["cross_entropy"] == pytest.approx(-np.log(p[range(24), labels]).mean(), rel=1e-4)


def test_majority_class(context_of):
    split = Split(np.zeros((6, 1)), np.array([0, 1, 1, 2, 1, 0]))
    assert tasks.get("classification").reference(None, context_of(split, split), {}) == {
        "majority_class_accuracy": 0.5
    }


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_label_smoothing(smoothing):
    task = tasks.get("classification")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(9, 4)).astype(np.float32), rng.integers(0, 4, 9)
    target = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = task.loss(types.SimpleNamespace(label_smoothing=smoothing))
    assert float(loss(labels, logits)) == pytest.approx(-(target * log_p).sum(1).mean(), rel=1e-5)


def rebuilding(x, signature=None):
    """`reconstruct` gives 0.8 of the input, `decode` of `encode` 0.6 of it."""
    return {None: 0.8, "encode": 2.0, "decode": 0.3}[signature] * x


@pytest.mark.parametrize("shape", [(8, 8, 1), (64, 1), (64,)], ids=["image", "signal", "vector"])
def test_reconstruction_scores(images, shape):
    task, x = tasks.get("reconstruction"), images.reshape(24, *shape)
    scores = task.score(rebuilding, split_in(x, np.zeros(24), 10), None)
    squares = (0.2 * x.astype(float)).reshape(24, -1) ** 2
    assert scores["squared_error"] == pytest.approx(squares.sum(1).mean(), rel=1e-5)
    assert scores["psnr"] == pytest.approx(-10 * np.log10(squares.mean(1)).mean(), rel=1e-5)
    assert scores["code_squared_error"] == pytest.approx(4 * squares.sum(1).mean(), rel=1e-5)
    assert float(task.loss(None)(x, 0.8 * x)) == pytest.approx(squares.sum(1).mean(), rel=1e-5)
    assert ("ssim" in scores) == (shape == (8, 8, 1))


def test_perfect_reconstruction_has_a_finite_psnr(images):
    scores = tasks.get("reconstruction").score(lambda x, signature=None: x, [(images, None)], None)
    assert scores["squared_error"] == 0 and np.isfinite(scores["psnr"])
    assert scores["ssim"] == pytest.approx(1)


def similarity_of(a, b, weights):
    """Structural similarity of two `(h, w)` by its formula, with `weights` `(k, k)` as the window."""
    k = len(weights)
    values = []
    for i, j in np.ndindex(a.shape[0] - k + 1, a.shape[1] - k + 1):
        x, y = a[i : i + k, j : j + k], b[i : i + k, j : j + k]
        mx, my = (weights * x).sum(), (weights * y).sum()
        vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
        cov, c1, c2 = (weights * (x - mx) * (y - my)).sum(), 0.01**2, 0.03**2
        values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return np.mean(values)


@pytest.mark.parametrize(
    ("size", "window"), [((14, 12), 11), ((11, 13), 11), ((8, 8), 7), ((6, 9), 5), ((3, 4), 3)]
)
def test_structural_similarity_by_its_formula(size, window):
    rng = np.random.default_rng(2)
    a = rng.random((2, *size, 2)).astype(np.float32)
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1).astype(np.float32)
    offsets = np.arange(window) - window // 2
    line = np.exp(-(offsets**2) / (2 * 1.5**2)) if window == 11 else np.ones(window)
    weights = np.outer(line, line) / line.sum() ** 2
    for found, one, other in zip(similarity.ssim(a, b), a.astype(float), b.astype(float), strict=True):
        channels = [similarity_of(one[..., c], other[..., c], weights) for c in (0, 1)]
        assert found == pytest.approx(np.mean(channels), abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 2, 5, 1), (3, 8, 8)])
def test_structural_similarity_of_other_data_is_refused(shape):
    with pytest.raises(ValueError, match="structural similarity of "):
        similarity.ssim(np.zeros(shape), np.zeros(shape))


def with_code(code):
    return types.SimpleNamespace(encoder=types.SimpleNamespace(output=code))


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pca_against_the_singular_value_decomposition(images, kind, context_of):
    """Of what is learnt, without what validation holds back."""
    stored = (255 * images).astype(np.uint8) if kind == np.uint8 else images
    train, test = Split(stored[:18], np.arange(18) % 2), Split(stored[18:], np.zeros(6))
    context = context_of(train, test, validation=0.2)
    model = with_code(keras.KerasTensor((None, 5)))
    reference = tasks.get("reconstruction").reference(model, context, {"squared_error": 3.0})
    learnt = Split(stored[context.train.indices], None)
    assert len(learnt.x) == 14
    a, b = (s.x.reshape(len(s.x), -1) / (255.0 if kind == np.uint8 else 1.0) for s in (learnt, test))
    axes = np.linalg.svd(a - a.mean(0), full_matrices=False)[2][:5]
    centred = b - a.mean(0)
    error = ((centred - centred @ axes.T @ axes) ** 2).sum(1).mean()
    assert reference["pca_squared_error"] == pytest.approx(error, rel=1e-3)
    assert reference["relative_to_pca"] == pytest.approx(3.0 / error, rel=1e-3)


@pytest.mark.parametrize(
    "code",
    [
        keras.KerasTensor((None, 64)),
        keras.KerasTensor((None, 4, 3)),
        keras.KerasTensor((None, 2, 2, 3)),
        keras.KerasTensor((None, 5), dtype="int32"),
        {"mean": keras.KerasTensor((None, 5)), "log_variance": keras.KerasTensor((None, 5))},
    ],
    ids=["as wide as the image", "choices", "map", "whole numbers", "distribution"],
)
def test_codes_without_components_to_compare_with(images, context_of, code):
    split = Split(np.repeat(images, 4, axis=0), np.arange(96) % 2)
    context = context_of(split, split)
    assert tasks.get("reconstruction").reference(with_code(code), context, {"squared_error": 3.0}) == {}


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    return zoo.create("vae", input_shape=(8, 8, 1), code=3, hidden="dense", units=16)


def test_negative_elbo_by_its_definition(vae, images):
    x = np.round(images)
    task = tasks.get("generation")
    scores = task.score(tasks.keras_predictor(vae), split_in(x, np.zeros(24), 10), None)
    code = {k: np.asarray(v, float) for k, v in vae.encoder.predict_on_batch(x).items()}
    mean, variance = code["mean"], np.exp(code["log_variance"])
    noise = np.random.default_rng(0).standard_normal((24, 3))
    z = mean + np.sqrt(variance) * noise
    p = 1 / (1 + np.exp(-np.asarray(vae.decoder.predict_on_batch(z.astype(np.float32)), float)))
    nats = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
    divergence = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(1).mean()
    assert scores["reconstruction_nats"] == pytest.approx(nats, rel=1e-4)
    assert scores["divergence"] == pytest.approx(divergence, rel=1e-4)
    assert scores["negative_elbo"] == pytest.approx(nats + divergence, rel=1e-4)


def test_training_loss_of_the_vae_is_the_bound(vae, images):
    x = np.round(images)
    task = tasks.get("generation")
    p = vae.predict_on_batch(x)
    nats = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
    assert float(task.loss(None)(x, p)) == pytest.approx(nats, rel=1e-4)
    code = {k: np.asarray(v, float) for k, v in vae.encoder.predict_on_batch(x).items()}
    divergence = (
        0.5 * (code["mean"] ** 2 + np.exp(code["log_variance"]) - 1 - code["log_variance"]).sum(1).mean()
    )
    vae(x)
    assert float(sum(vae.losses)) == pytest.approx(divergence, rel=1e-4)


def test_independent_pixels_are_the_bound_of_a_blind_model(context_of):
    train = Split(np.full((50, 2, 2, 1), 128, np.uint8), None)
    nats = tasks.get("generation").independent_pixels(context_of(train, train))
    assert nats == pytest.approx(4 * np.log(2), rel=1e-3)


@pytest.mark.parametrize("name", ["classification", "reconstruction", "generation"])
def test_the_exported_file_is_scored_by_the_same_code(name, vae, images, context_of):
    task = tasks.get(name)
    if name == "generation":
        model = vae
    elif name == "reconstruction":
        model = zoo.create("convolutional_autoencoder", input_shape=(8, 8, 1), code=3, filters=(4, 8))
    else:
        model = zoo.create("separable_cnn", input_shape=(8, 8, 1), classes=4)
    signatures = getattr(model, "signatures", None)
    file = export.load(export.to_tflite(model, **({"signatures": signatures} if signatures else {})))
    labels = np.arange(24) % 4
    batches, context = split_in(np.round(images), labels, 10), context_of(None, Split(images, labels))
    of_model = task.score(tasks.keras_predictor(model), batches, context)
    assert task.score(file, batches, context) == pytest.approx(of_model, rel=1e-4, abs=1e-5)
    assert task.HEADLINE in of_model
    inputs = task.signature_inputs(model, images, context.recipe)
    names = set(inputs) if isinstance(inputs, dict) else {None}
    assert names == (set(signatures) if signatures else {None})
