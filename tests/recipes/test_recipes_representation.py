"""Probes, sparsity and Jacobian norms against their definitions, and the task on the embedded digits."""

import types

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import export
import recipes
import zoo
from recipes import pipeline, registry, tasks
from recipes.tasks import representation

SMALL = {"data": "digits", "arguments": {"code": 30, "k": 6}}


def test_share_of_silent_units():
    codes = np.float32([[1, 0.02, 0.009, 0], [-5, 0.04, 0, 0]])
    assert representation.code_sparsity(codes) == pytest.approx((2 + 3) / 8)


def test_hoyer_s_measure():
    assert representation.hoyer_sparsity(np.float32([[0, -3, 0, 0]])) == pytest.approx(1)
    assert representation.hoyer_sparsity(np.float32([[2, 2, -2, 2]])) == pytest.approx(0)
    assert representation.hoyer_sparsity(np.zeros((2, 4), np.float32)) == 1
    codes = np.random.default_rng(0).normal(size=(7, 9))
    norms = [np.linalg.norm(codes, order, axis=1) for order in (1, 2)]
    expected = ((3 - norms[0] / norms[1]) / 2).mean()
    assert representation.hoyer_sparsity(codes.astype(np.float32)) == pytest.approx(expected, rel=1e-5)


def test_codes_are_flat_and_gaussian_ones_count_by_their_mean():
    maps = np.arange(24.0).reshape(2, 2, 3, 2)
    np.testing.assert_array_equal(representation.flat(maps), maps.reshape(2, 12))
    code = {"mean": maps[:, 0, 0], "log_variance": maps[:, 1, 1]}
    np.testing.assert_array_equal(representation.flat(code), maps[:, 0, 0])


def test_norm_of_a_linear_encoder_s_jacobian():
    image = keras.Input((4, 3, 1))
    dense = keras.layers.Dense(5)
    encoder = keras.Model(image, dense(keras.layers.Flatten()(image)))
    images = np.random.default_rng(0).random((6, 4, 3, 1), dtype=np.float32)
    exact = np.square(np.asarray(dense.kernel)).sum()
    assert representation.jacobian_norm(encoder, images, directions=400) == pytest.approx(exact, rel=0.05)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="differentiates with TensorFlow")
@pytest.mark.parametrize("name", ["contractive_autoencoder", "k_sparse_autoencoder", "vae"])
def test_norm_of_any_encoder_s_jacobian(name):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    options = {"vae": {"hidden": "dense", "units": 12}, "k_sparse_autoencoder": {"k": 4}}.get(name, {})
    encoder = zoo.create(name, input_shape=(6, 5, 1), code=10, **options).encoder
    images = np.random.default_rng(0).random((16, 6, 5, 1), dtype=np.float32)
    inputs = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        code = encoder(inputs, training=False)
        code = code["mean"] if isinstance(code, dict) else code
    exact = np.square(tape.batch_jacobian(code, inputs)).sum() / 16
    assert representation.jacobian_norm(encoder, images, directions=300) == pytest.approx(exact, rel=0.05)


def test_classes_that_a_plane_parts_are_told_apart():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(600, 8)).astype(np.float32)
    labels = (codes[:, 0] > 0.5 * codes[:, 1]).astype(np.int32)
    classifier = representation.probe(codes[:400], labels[:400])
    assert classifier.score(codes[400:], labels[400:]) > 0.95
    ring = (np.abs(codes[:, 0]) > 0.7).astype(np.int32)
    assert representation.probe(codes[:400], ring[:400]).score(codes[400:], ring[400:]) < 0.65


@pytest.fixture(scope="module")
def trained():
    """A small k-sparse autoencoder fitted to the embedded digits, with its data."""
    keras.utils.set_random_seed(0)
    recipe = registry.get("k_sparse_mnist", **SMALL)
    context = tasks.Context(recipe, pipeline.prepare(recipe))
    model = pipeline.build(recipe, context.data)
    images = context.images(context.train)
    model.compile(keras.optimizers.Adam(5e-3), representation.loss(recipe))
    model.fit(images, images, batch_size=64, epochs=12, verbose=0)
    return context, model


def batches_of(context, size=100):
    """The test split, in batches."""
    test = context.data.test
    images, labels = context.images(test.take(range(len(test.y)))), test.y
    return [(images[i : i + size], labels[i : i + size]) for i in range(0, len(images), size)]


def test_scores_by_their_definitions(trained):
    context, model = trained
    batches = batches_of(context)
    scores = representation.score(tasks.keras_predictor(model), batches, context)
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    codes = model.encoder.predict(images, verbose=0)
    known = model.encoder.predict(context.images(context.train), verbose=0)
    mean, deviation = known.mean(0), known.std(0)
    deviation[deviation == 0] = 1
    learnt = context.data.train.y[context.train.indices]
    exact = LogisticRegression(C=200 / 0.01 / len(learnt), max_iter=2000).fit(
        (known - mean) / deviation, learnt
    )
    accuracy = exact.score((codes - mean) / deviation, labels)
    assert scores["probe_accuracy"] == pytest.approx(accuracy, abs=0.015)
    assert scores["probe_accuracy"] > 0.85
    assert scores["code_sparsity"] >= 1 - 6 / 30
    errors = np.square(model.predict(images, verbose=0) - images).sum((1, 2, 3))
    assert scores["squared_error"] == pytest.approx(errors.mean(), rel=1e-4)


def test_the_exported_file_is_scored_by_the_same_code(trained):
    context, model = trained
    parts = {name: model.signatures[name] for name in ("reconstruct", *representation.SIGNATURES)}
    file = export.load(export.to_tflite(model, signatures=parts))
    batches = batches_of(context)
    of_model = representation.score(tasks.keras_predictor(model), batches, context)
    assert representation.score(file, batches, context) == pytest.approx(of_model, rel=5e-3)


def test_probes_learn_from_so_many_examples(trained):
    context, model = trained
    recipe = registry.get("k_sparse_mnist", **SMALL, evaluation={"probe_examples": 70})
    predict, seen = tasks.keras_predictor(model), []

    def counting(x, signature=None):
        seen.append(len(x) if signature == "encode" else 0)
        return predict(x, signature)

    representation.score(counting, batches_of(context), tasks.Context(recipe, context.data))
    assert sum(seen) == 70 + len(context.data.test.y)


def test_reference_reads_pixels_by_the_same_classifier(trained):
    context, model = trained
    reference = representation.reference(model, context, {})
    assert set(reference) == {"jacobian_norm", "pixel_probe_accuracy"}
    assert reference["pixel_probe_accuracy"] > 0.9
    assert reference["jacobian_norm"] > 0


def test_pictures_of_units(trained, tmp_path):
    context, model = trained
    representation.draw(tmp_path, context, model, tasks.keras_predictor(model))
    assert {"reconstructions.png", "units.png"} <= {file.name for file in tmp_path.iterdir()}


def test_a_unit_s_picture_is_what_it_adds():
    """Of a linear decoder: its row of weights, times twice the deviation of the unit."""
    weights = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    codes = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32) * [1, 3, 2]
    decoder = types.SimpleNamespace(input_shape=(None, 3))
    model = types.SimpleNamespace(signatures={"decode": None}, decoder=decoder)

    def predict(code, signature):
        return (code @ weights).reshape(-1, 2, 2, 1)

    strokes = representation.unit_strokes(predict, codes, model, 2)
    expected = [2 * codes[:, unit].std() * weights[unit].reshape(2, 2, 1) for unit in (1, 2)]
    np.testing.assert_allclose(strokes, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["contractive_mnist", "dense_mnist", "denoising_mnist", "sparse_mnist"])
def test_recipes_compare_codes_of_one_size(name):
    assert recipes.get(name).arguments["code"] == recipes.get("k_sparse_mnist").arguments["code"]
    assert recipes.get(name).epochs == recipes.get("k_sparse_mnist").epochs
