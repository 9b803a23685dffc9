"""Super-resolution: the small picture is one thing in training and in evaluation; scores against Pillow."""

import keras
import numpy as np
import pytest
from PIL import Image

import export
import recipes
import zoo
from recipes import tasks
from recipes.data.prepared import Split
from recipes.drawings.restoration import liveliest
from recipes.errors import RecipeError
from recipes.tasks import super_resolution
from recipes.training.fit import compile_trainee

RECIPE = "super_resolution_photographs"


@pytest.fixture(scope="module")
def images():
    """Edges at random angles, `(9, 24, 20, 1)`, in 256 levels."""
    rows, columns = np.mgrid[0:24, 0:20] - 10
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, (9, 1, 1))
    edges = 1 / (1 + np.exp(-2 * (np.cos(angle) * rows + np.sin(angle) * columns)))
    return (np.rint(edges * 255) / 255)[..., None].astype(np.float32)


@pytest.fixture
def context(context_of, images):
    split = Split(np.rint(images * 255).astype(np.uint8), np.zeros(9, int))
    return context_of(split, split, recipe=RECIPE)


def resampled(images, size):
    """By Pillow, `(n, h, w, 1)` to `(n, *size, 1)` in [0, 1]."""
    pictures = [Image.fromarray(x[..., 0], mode="F") for x in images]
    large = [np.asarray(p.resize(size[::-1], Image.Resampling.BICUBIC)) for p in pictures]
    return np.clip(np.stack(large), 0, 1)[..., None]


def test_small_and_enlarged_pictures_are_pillows(context, images):
    small = super_resolution.reduced(images, context.recipe)
    assert small.dtype == np.float32
    assert np.abs(small - resampled(images, (12, 10))).max() < 0.501 / 255
    large = super_resolution.enlarged(small, context.recipe)
    np.testing.assert_allclose(large, resampled(small, (24, 20)), atol=1e-5)


def test_scores_by_their_definition(context, images):
    """A model that repeats pixels, with two pixels left out along each border."""
    task = tasks.get("super_resolution")

    def repeated(x):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    scores = task.score(repeated, [(images[:4], None), (images[4:], None)], context)
    small = np.rint(resampled(images, (12, 10)) * 255) / 255
    errors = np.square(repeated(small) - images.astype(float))[:, 2:-2, 2:-2]
    assert scores["psnr"] == pytest.approx(-10 * np.log10(errors.mean((1, 2, 3))).mean(), rel=1e-3)
    assert 0.5 < scores["ssim"] < 1


def test_reference_is_bicubic_interpolation(context, images):
    task = tasks.get("super_resolution")
    table = task.reference(None, context, {"psnr": 40.0})
    small = np.rint(resampled(images, (12, 10)) * 255) / 255
    large = resampled(small.astype(np.float32), (24, 20))
    errors = np.square(large.astype(float) - images)[:, 2:-2, 2:-2]
    assert table["bicubic_psnr"] == pytest.approx(-10 * np.log10(errors.mean((1, 2, 3))).mean(), rel=1e-3)
    assert table["psnr_over_bicubic"] == pytest.approx(40 - table["bicubic_psnr"])
    assert table["bicubic_ssim"] < 1


def test_training_and_evaluation_see_the_same_small_picture(context, images):
    """The loss of a training step's model is the squared error that the score is made of."""
    model = zoo.create("fsrcnn", input_shape=(12, 10, 1), filters=4, shrunk=2, mappings=1)
    trainee = compile_trainee(context.recipe, model, 1, 0, images.shape[1:])
    loss = trainee.evaluate(images, np.zeros(9), batch_size=9, verbose=0, return_dict=True)["loss"]
    large = model.predict(super_resolution.reduced(images, context.recipe), verbose=0)
    assert loss == pytest.approx(np.square(large - images).sum((1, 2, 3)).mean(), rel=1e-4)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_input_shape(context_of, factor):
    recipe = context_of(None, None, recipe=RECIPE, **{"arguments.factor": factor}).recipe
    assert tasks.input_shape(recipe, (24, 20, 3)) == (24 // factor, 20 // factor, 3)


@pytest.mark.parametrize("factor", [3, 0, "two"])
def test_a_factor_that_does_not_fit(context_of, factor):
    recipe = context_of(None, None, recipe=RECIPE, **{"arguments.factor": factor}).recipe
    with pytest.raises(RecipeError, match=f"factor={factor}.*20×24|factor={factor}.*24×20"):
        tasks.input_shape(recipe, (24, 20, 1))


def test_the_exported_file_is_scored_by_the_same_code(context, images):
    task = tasks.get("super_resolution")
    keras.utils.set_random_seed(0)
    model = zoo.create("fsrcnn", input_shape=(12, 10, 1), filters=4, shrunk=2, mappings=1)
    of_model = task.score(tasks.keras_predictor(model), [(images, None)], context)
    file = export.load(export.to_tflite(model))
    assert task.score(file, [(images, None)], context) == pytest.approx(of_model, rel=1e-4)
    (small,) = task.signature_inputs(model, images, context.recipe)
    assert small.shape == (9, 12, 10, 1)


def test_the_liveliest_square():
    image = np.full((40, 60, 1), 0.5, np.float32)
    image[20:30, 40:50] = np.random.default_rng(0).integers(0, 2, (10, 10, 1))
    assert liveliest(image, 10) == (slice(20, 30), slice(40, 50))
    assert liveliest(image[:8, :8], 8) == (slice(0, 8), slice(0, 8))


def test_a_run_from_end_to_end(tmp_path):
    result = recipes.run(
        RECIPE,
        out=tmp_path / "run",
        data="digits",
        epochs=2,
        batch_size=64,
        calibration=60,
        precisions=["float32", "int8"],
        **{"features.image_size": [28, 28], "arguments.filters": 8, "arguments.shrunk": 4},
    )
    assert result.passed, result.problems
    assert result.metrics["psnr"] > 20
    assert {"ssim", "bicubic_psnr", "bicubic_ssim", "psnr_over_bicubic"} <= set(result.metrics)
    pictures = tmp_path / "run" / "plots"
    assert {file.name for file in pictures.iterdir()} == {"learning_curves.png", "super_resolution.png"}
