"""Retrieval against distances and averages counted one by one."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

import recipes
import zoo
from recipes import tasks
from recipes.data.prepared import Prepared, Split
from recipes.tasks import retrieval
from recipes.tasks.hash_table import HashTable, addresses
from zoo.autoencoders.autoencoder import Autoencoder

CLASSES = 3


def distances(codes, others):
    """How many bits differ, `(n, m)`."""
    return (codes[:, None] != others[None]).sum(-1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from([1, 5, 8, 13, 70]))
def test_table_finds_what_is_at_each_distance(seed, n, bits):
    rng = np.random.default_rng(seed)
    codes = rng.random((n, bits)) < 0.2
    asked = np.concatenate([codes[:2], rng.random((2, bits)) < 0.2])
    table = HashTable(codes)
    for address, row in zip(addresses(asked), distances(asked, codes), strict=True):
        for radius in range(3):
            assert sorted(table.at_distance(address, radius)) == list(np.flatnonzero(row == radius))


def test_addresses_are_the_bits():
    assert addresses(np.array([[1, 0, 0], [0, 1, 1], [1, 1, 1.0]])) == [1, 6, 7]
    assert addresses(np.eye(70, dtype=bool)) == [1 << i for i in range(70)]


def test_nearest_are_those_of_an_exhaustive_search():
    rng = np.random.default_rng(0)
    database, images = rng.random((300, 4, 4, 1)), rng.random((7, 4, 4, 1))
    counts = [0, 1, 5, 40, 299, 300, 3]
    search = NearestNeighbors(algorithm="brute").fit(database.reshape(300, -1))
    order = search.kneighbors(images.reshape(7, -1), 300, return_distance=False)
    for found, row, count in zip(retrieval.nearest(database, images, counts), order, counts, strict=True):
        assert sorted(found) == sorted(row[:count])


@pytest.fixture(scope="module")
def context():
    """Images whose pixels are bits, noisily those of their class."""
    rng = np.random.default_rng(2)
    centres = rng.random((CLASSES, 2, 4, 1)) > 0.5

    def split(n):
        labels = rng.integers(0, CLASSES, n)
        flipped = rng.random((n, 2, 4, 1)) < 0.15
        return Split((255 * (centres[labels] ^ flipped)).astype(np.uint8), labels.astype(np.int32))

    data = Prepared("bits", split(200), split(40), tuple("abc"), "drawn here")
    recipe = recipes.get("semantic_hashing_mnist", validation=0.2)
    return tasks.Context(recipe, data)


def predict(batch, signature=None):
    return batch.reshape(len(batch), -1) if signature == "encode" else batch


def of_test(context):
    return context.images(context.data.test.take(range(40))), np.asarray(context.data.test.y)


def test_scores_by_counting(context):
    images, labels = of_test(context)
    scores = retrieval.score(predict, [(images[:25], labels[:25]), (images[25:], labels[25:])], context)
    learnt = context.images(context.train).reshape(context.train.size, -1) > 0.5
    known = context.data.train.y[context.train.indices]
    differing = distances(images.reshape(40, -1) > 0.5, learnt)
    for radius in (0, 1, 2):
        near = [np.flatnonzero(row <= radius) for row in differing]
        shares = [np.mean(known[n] == label) for n, label in zip(near, labels, strict=True) if len(n)]
        assert scores[f"precision_radius_{radius}"] == pytest.approx(np.mean(shares))
        assert scores[f"unanswered_radius_{radius}"] == np.mean([len(n) == 0 for n in near])
        assert scores[f"returned_radius_{radius}"] == np.mean([len(n) for n in near])
    assert scores["unanswered_radius_0"] > 0  # or the average over answers would be one over all
    assert scores["lookups_per_second"] > 0
    assert retrieval.HEADLINE in scores


def test_nothing_found_is_no_precision():
    answers, labels = [np.empty(0, int)] * 2, np.array([1, 2])
    assert retrieval.precision(answers, labels, labels) == 0


def test_exact_search_is_given_as_many(context):
    """The codes are the pixels themselves: distances agree, and so must what is found but for ties."""
    image, code = keras.Input((2, 4, 1)), keras.Input((8,))
    encoder = keras.Model(image, keras.layers.Flatten()(image), name="encoder")
    decoder = keras.Model(code, keras.layers.Reshape((2, 4, 1))(code), name="decoder")
    model = Autoencoder(image, decoder(encoder(image)))
    images, labels = of_test(context)
    scores = retrieval.score(predict, [(images, labels)], context)
    reference = retrieval.reference(model, context, scores)
    assert reference["hashed_precision"] == pytest.approx(scores["precision_radius_2"])
    assert reference["exact_precision"] == pytest.approx(reference["hashed_precision"], abs=1e-9)
    assert reference["exact_lookups_per_second"] > 0


def test_pictures_and_inputs_of_a_model(context, tmp_path):
    keras.utils.set_random_seed(0)
    model = zoo.create("semantic_hashing", input_shape=(2, 4, 1), bits=5, units=(8,))
    retrieval.draw(tmp_path, context, model, tasks.keras_predictor(model))
    assert {p.name for p in tmp_path.iterdir()} == {"neighbours.png", "reconstructions.png"}
    images, _ = of_test(context)
    inputs = retrieval.signature_inputs(model, images, context.recipe)
    assert set(inputs) == set(model.signatures)
    assert set(np.unique(inputs["decode"][0])) <= {0, 1}
    assert float(retrieval.loss(context.recipe)(images, np.full_like(images, 0.5))) == pytest.approx(
        8 * np.log(2), rel=1e-4
    )


def test_a_run_from_data_to_scored_files(tmp_path):
    result = recipes.run(
        "semantic_hashing_mnist",
        out=tmp_path / "run",
        data="digits",
        epochs=8,
        arguments={"units": (64,), "bits": 12},
        precisions=("float32", "int8"),
    )
    metrics, files = result.metrics, {f.precision: f for f in result.report.files}
    assert metrics["precision_radius_2"] > 0.3  # a tenth would be chance
    assert metrics["exact_precision"] > metrics["precision_radius_2"]
    for file in files.values():
        assert file.metrics["precision_radius_2"] == pytest.approx(metrics["precision_radius_2"], abs=0.05)
    assert (tmp_path / "run" / "plots" / "neighbours.png").stat().st_size > 5000
