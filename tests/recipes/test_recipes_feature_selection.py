"""Feature selection, scored on pixels whose worth is known."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import export
import zoo
from recipes import pipeline, registry, tasks
from recipes.data.prepared import Prepared, Split, prepare
from recipes.errors import RecipeError
from recipes.recipe import Features

SIZES = {"features": 6, "hidden": (16,), "seed": 0}


@pytest.fixture(scope="module")
def task():
    return tasks.get("feature_selection")


@pytest.fixture(scope="module")
def context():
    """Real digits of 8×8 pixels, under the recipe that is written for MNIST."""
    return tasks.Context(registry.get("concrete_mnist", data="digits"), prepare("digits", Features()))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.create("concrete_autoencoder", input_shape=(8, 8, 1), **SIZES)


def choose(model, places):
    """Have the model's units give the pixels at `places`."""
    model.selector.logits.assign(5 * np.eye(model.selector.logits.shape[1])[places])


def batches_of(context, size=100):
    x, y = context.images(whole_test(context)), np.asarray(context.data.test.y)
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


def whole_test(context):
    return context.data.test.take(range(len(context.data.test.y)))


@pytest.mark.parametrize("shape", [(8, 8, 1), (5, 7, 3), (1, 1, 1), (28, 28, 1)])
def test_places_are_read_off_the_code(task, shape):
    places = np.random.default_rng(0).integers(np.prod(shape), size=9)

    def predict(x, signature):
        assert signature == "encode"
        return x.reshape(len(x), -1)[:, places] + 0.02  # as far off as a coarse file

    np.testing.assert_array_equal(task.chosen_features(predict, shape), places)


@pytest.mark.parametrize(
    "mixed", [lambda x: x @ np.full((64, 3), 1 / 3), lambda x: 2 * x, lambda x: x[:, None]]
)
def test_other_codes_are_refused(task, mixed):
    with pytest.raises(RecipeError, match="model=concrete_autoencoder"):
        task.chosen_features(lambda x, signature: mixed(x.reshape(len(x), -1)), (8, 8, 1))


def test_a_pixel_that_is_the_label_gives_all_of_them(task):
    """Pixel 3 has the brightness of its class, all else is noise; the reconstruction is known."""
    rng = np.random.default_rng(0)
    x, y = rng.random((300, 2, 3, 1), dtype=np.float32), rng.integers(0, 4, 300).astype(np.int32)
    x[:, 1, 0, 0] = y / 4
    train, test = Split(x[:200], y[:200]), Split(x[200:], y[200:])
    data = Prepared("made", train, test, ("a", "b", "c", "d"), "made here")
    context = tasks.Context(registry.get("concrete_mnist"), data)

    def scores(places):
        def predict(x, signature=None):
            return x.reshape(len(x), -1)[:, places] if signature else 0.5 * x

        return task.score(predict, [(test.x[:70], test.y[:70]), (test.x[70:], test.y[70:])], context)

    seeing, blind = scores([3, 5, 3]), scores([0, 1])
    assert seeing["accuracy"] == 1.0 and seeing["selected"] == 2
    assert blind["accuracy"] < 0.5 and blind["selected"] == 2
    squared = np.square(0.5 * test.x.astype(float)).sum((1, 2, 3)).mean()
    assert seeing["squared_error"] == pytest.approx(squared, rel=1e-5)


def test_reference_measures_other_choices_in_the_same_way(task, context, model):
    """A model that chose the pixels of highest variance is as good as those."""
    pixels = np.asarray(context.images(context.train)).reshape(context.train.size, -1)
    highest = np.argsort(-pixels.var(0), kind="stable")[:6]
    choose(model, highest)
    scores = task.score(tasks.keras_predictor(model), batches_of(context), context)
    reference = task.reference(model, context, scores)
    assert scores["accuracy"] == pytest.approx(reference["variance_accuracy"], abs=1e-9)
    assert reference["linear_squared_error"] == reference["variance_linear_squared_error"]
    test = context.images(whole_test(context)).reshape(-1, 64)
    guesses = LinearRegression().fit(pixels[:, highest], pixels).predict(test[:, highest])
    expected = np.square(test - guesses).sum(1).mean()
    assert reference["linear_squared_error"] == pytest.approx(expected, rel=1e-3)
    assert reference["all_pixels_accuracy"] > 0.93 > scores["accuracy"] > reference["random_accuracy"]
    assert reference["random_linear_squared_error"] > reference["linear_squared_error"]
    one = np.exp(5) / (np.exp(5) + 63)
    assert reference["mean_max_probability"] == pytest.approx(one, rel=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_files_are_scored_by_the_same_code(task, context, model):
    choose(model, [10, 20, 28, 36, 43, 53])
    images = context.images(context.train.take(range(200)))
    inputs = task.signature_inputs(model, images, context.recipe)
    assert set(inputs) == set(model.signatures)
    files = export.convert(model, ("float32", "int8"), calibration=inputs, signatures=model.signatures)
    expected = task.score(tasks.keras_predictor(model), batches_of(context), context)
    of_float, of_int8 = (task.score(export.load(files[p]), batches_of(context), context) for p in files)
    assert of_float == pytest.approx(expected, rel=1e-5)
    assert of_int8["selected"] == 6
    assert of_int8["accuracy"] == pytest.approx(expected["accuracy"], abs=0.02)
    assert of_int8["squared_error"] == pytest.approx(expected["squared_error"], rel=0.05)


def test_drawings(task, context, model, tmp_path):
    from matplotlib.image import imread

    task.draw(tmp_path, context, model, tasks.keras_predictor(model))
    pictures = {file.name: imread(file)[..., :3] for file in tmp_path.iterdir()}
    assert set(pictures) == {"selected_pixels.png", "reconstructions.png"}
    coloured = np.ptp(pictures["selected_pixels.png"], axis=-1) > 0.3  # the marks; all else is grey
    assert coloured.any()
    assert pictures["reconstructions.png"].std() > 0.1


@pytest.mark.parametrize("epochs", [1, 7])
def test_the_temperature_falls_over_the_whole_training(epochs):
    recipe = registry.get("concrete_mnist", data="digits", epochs=epochs)
    data = pipeline.prepare(recipe)
    steps = tasks.Context(recipe, data).train.size // recipe.batch_size * epochs
    assert pipeline.build(recipe, data).selector.steps == steps
    given = registry.get("concrete_mnist", **{"data": "digits", "arguments.steps": 9})
    assert pipeline.build(given, data).selector.steps == 9
