"""Denoising: noise that is always the same, gains and filters against SciPy, one code for every file."""

import keras
import numpy as np
import pytest
from scipy import ndimage

import export
import recipes
import zoo
from recipes import tasks
from recipes.data.prepared import Split
from recipes.tasks import denoising, filters

LEVEL = 0.25


@pytest.fixture(scope="module")
def images():
    """Soft blobs, `(40, 12, 12, 1)`."""
    noise = np.random.default_rng(0).random((40, 12, 12, 1), dtype=np.float32)
    soft = ndimage.gaussian_filter(noise, (0, 1.5, 1.5, 0))
    return (soft - soft.min()) / (soft.max() - soft.min())


@pytest.fixture
def context(context_of, images):
    stored = np.rint(images * 255).astype(np.uint8)
    train, test = Split(stored[:30], np.zeros(30, int)), Split(stored[30:], np.zeros(10, int))
    return context_of(train, test, recipe="denoising_fashion_mnist", validation=0.2)


def decibel(a, b):
    return -10 * np.log10(np.square(a.astype(float) - b).mean((1, 2, 3)))


def blurred(batch, signature=None):
    """A model whose code is the image itself and whose decoder blurs."""
    return batch if signature == "encode" else ndimage.gaussian_filter(batch, (0, 1, 1, 0), mode="nearest")


@pytest.mark.parametrize("kind", denoising.KINDS)
def test_noise_belongs_to_the_image(kind, images):
    whole = denoising.corrupted(images, kind, LEVEL)
    np.testing.assert_array_equal(denoising.corrupted(images[7:11], kind, LEVEL, first=7), whole[7:11])
    assert whole.dtype == np.float32
    assert (denoising.corrupted(images, kind, LEVEL, seed=1) != whole).any()
    changes = (whole - images).reshape(len(images), -1)
    assert len(np.unique(changes, axis=0)) == len(images)


def test_noises_are_those_of_the_layers():
    grey = np.full((300, 8, 8, 1), 0.5, np.float32)
    gaussian, masking, salted = (denoising.corrupted(grey, kind, LEVEL) for kind in denoising.KINDS)
    error = 5 * np.sqrt(LEVEL / grey.size)
    assert gaussian.std() == pytest.approx(LEVEL, rel=0.03) and abs(gaussian.mean() - 0.5) < error
    assert set(np.unique(masking)) == {0, 0.5} and abs((masking == 0).mean() - LEVEL) < error
    assert set(np.unique(salted)) == {0, 0.5, 1}
    for value in (0, 1):
        assert abs((salted == value).mean() - LEVEL / 2) < error


def test_scores_by_their_definition(context, images):
    test = np.rint(images[30:] * 255).astype(np.float32) / 255
    batches = [(test[:3], None), (test[3:], None)]
    scores = tasks.get("denoising").score(blurred, batches, context)
    gains = []
    for kind in denoising.KINDS:
        noisy = denoising.corrupted(test, kind, LEVEL)
        after = decibel(test, np.clip(blurred(noisy), 0, 1))
        gains.append((after - decibel(test, noisy)).mean())
        assert scores[f"psnr_gain_{kind}"] == pytest.approx(gains[-1], rel=1e-4)
        assert scores[f"code_psnr_gain_{kind}"] == pytest.approx(gains[-1], rel=1e-4)
    assert scores["psnr_gain"] == pytest.approx(np.mean(gains), rel=1e-4)
    assert 0 < scores["ssim"] < 1


def test_a_model_that_does_nothing_gains_nothing(context, images):
    scores = tasks.get("denoising").score(lambda x, signature=None: x, [(images[30:], None)], context)
    for kind in ("masking", "salt_and_pepper"):
        assert scores[f"psnr_gain_{kind}"] == 0
    assert scores["psnr_gain_gaussian"] > 0  # clipped to what an image can be


def test_filters_are_scipys(images):
    plane = images[4, ..., 0]
    median, gaussian = (
        filters.filtered(images, *given)[4, ..., 0]
        for given in (
            ("median_filter", 3),
            ("gaussian_filter", 1.25),
        )
    )
    np.testing.assert_allclose(median, ndimage.median_filter(plane, 3, mode="nearest"))
    np.testing.assert_allclose(gaussian, ndimage.gaussian_filter(plane, 1.25, mode="nearest"), atol=1e-6)


def test_filters_have_the_size_that_suits_the_noise(images):
    """More noise wants more smoothing, and the sizes are the best of the list."""
    best = [
        filters.best_sizes(images, denoising.corrupted(images, "gaussian", level)) for level in (0.02, 0.4)
    ]
    assert best[0]["gaussian_filter"] < best[1]["gaussian_filter"]
    assert best[0]["median_filter"] <= best[1]["median_filter"]
    noisy = denoising.corrupted(images, "gaussian", 0.4)
    ratios = {
        size: decibel(
            images, np.clip(ndimage.gaussian_filter(noisy, (0, size, size, 0), mode="nearest"), 0, 1)
        )
        for size in filters.SIZES["gaussian_filter"]
    }
    assert best[1]["gaussian_filter"] == max(ratios, key=lambda size: ratios[size].mean())


def test_reference_is_measured_on_the_same_noise(context, images):
    test = np.rint(images[30:] * 255).astype(np.float32) / 255
    scores = {f"psnr_gain_{kind}": 10.0 for kind in denoising.KINDS}
    table = tasks.get("denoising").reference(None, context, scores)
    gains = {}
    for kind in denoising.KINDS:
        noisy = denoising.corrupted(test, kind, LEVEL)
        size = int(table[f"median_filter_size_{kind}"])
        smooth = ndimage.median_filter(noisy, (1, size, size, 1), mode="nearest")
        gains[kind] = (decibel(test, np.clip(smooth, 0, 1)) - decibel(test, noisy)).mean()
        assert table[f"median_filter_gain_{kind}"] == pytest.approx(gains[kind], rel=1e-4)
    assert table["median_filter_gain"] == pytest.approx(np.mean(list(gains.values())), rel=1e-4)
    better = [max(table[f"{name}_gain_{kind}"] for name in filters.SIZES) for kind in denoising.KINDS]
    assert table["lead_over_filters"] == pytest.approx(10 - max(better))


def test_filters_are_not_chosen_on_the_test_split(context_of, images):
    """Test images that are other than those learnt change nothing about the sizes."""
    stored = np.rint(images * 255).astype(np.uint8)
    train = Split(stored[:30], np.zeros(30, int))
    tests = [Split(x, np.zeros(10, int)) for x in (stored[30:], 255 * (stored[30:] > 128).astype(np.uint8))]
    contexts = [context_of(train, test, recipe="denoising_fashion_mnist", validation=0.2) for test in tests]
    assert denoising.filter_sizes(contexts[0]) == denoising.filter_sizes(contexts[1])


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.create("denoising_autoencoder", input_shape=(12, 12, 1), code=4, filters=(4, 8))


def test_the_exported_file_is_scored_by_the_same_code(model, context, images):
    task = tasks.get("denoising")
    file = export.load(export.to_tflite(model, signatures=model.signatures))
    batches = [(images[30:], None)]
    of_model = task.score(tasks.keras_predictor(model), batches, context)
    assert task.score(file, batches, context) == pytest.approx(of_model, rel=1e-3)
    assert task.HEADLINE in of_model


def test_calibration_sees_all_three_noises(model, context, images):
    inputs = tasks.get("denoising").signature_inputs(model, images[:9], context.recipe)
    assert set(inputs) == set(model.signatures)
    (noisy,) = inputs["encode"]
    assert noisy.shape == (9, 12, 12, 1) and inputs["reconstruct"][0] is noisy
    for i, kind in enumerate(denoising.KINDS):
        clean = images[i:9:3]
        hit = np.isin(noisy[3 * i : 3 * i + 3], {"gaussian": (), "masking": (0,)}.get(kind, (0, 1)))
        same = noisy[3 * i : 3 * i + 3] == clean
        assert same.mean() < 0.01 if kind == "gaussian" else (same | hit).all()
    np.testing.assert_allclose(inputs["decode"][0], model.encoder.predict(noisy, verbose=0), atol=1e-6)


def test_a_run_from_end_to_end(tmp_path):
    result = recipes.run(
        "denoising_fashion_mnist",
        out=tmp_path / "run",
        data="digits",
        epochs=3,
        batch_size=32,
        calibration=60,
        precisions=["float32", "int8"],
        **{"arguments.filters": [8, 16], "arguments.code": 8},
    )
    assert result.passed, result.problems
    assert np.isfinite(list(result.metrics.values())).all()
    for name in ("median_filter_gain_masking", "gaussian_filter_gain", "lead_over_filters", "code_psnr_gain"):
        assert name in result.metrics
    pictures = tmp_path / "run" / "plots"
    assert {file.name for file in pictures.iterdir()} == {"learning_curves.png", "denoised.png"}
    for file in result.report.files:
        assert set(file.contents.signatures) == {"reconstruct", "encode", "decode"}
