"""Shift consistency against models whose answer is known, and where it is measured."""

import json
import types

import numpy as np
import pytest

import export
import zoo
from recipes import registry, tasks
from recipes.data.prepared import Split
from recipes.tasks import classification, shifting


def batches_of(images, size):
    labels = np.zeros(len(images), np.int32)
    return [(images[i : i + size], labels[i : i + size]) for i in range(0, len(images), size)]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((50, 16, 24, 2), dtype=np.float32)


def consistency(predict, images, size=7, every=1):
    test = Split(None, np.zeros(every * shifting.IMAGES))
    context = tasks.Context(registry.get("lenet5_digits"), types.SimpleNamespace(test=test))
    return classification.score(predict, batches_of(images, size), context)["shift_consistency"]


def test_shifts_are_circular_small_and_never_none(images):
    moved = shifting.shifted(images)
    seen = set()
    for image, other in zip(images, moved, strict=True):
        found = [
            (y, x)
            for y in range(-2, 3)
            for x in range(-3, 4)
            if (np.roll(image, (y, x), axis=(0, 1)) == other).all()
        ]
        assert len(found) == 1 and found != [(0, 0)]
        seen.update(found)
    assert len(seen) > 20
    np.testing.assert_array_equal(shifting.shifted(images), moved)


@pytest.mark.parametrize("shape", [(8, 8, 1), (3, 3, 1), (1, 9, 1)])
def test_small_images_are_shifted_too(shape):
    tiny = np.random.default_rng(0).random((30, *shape), dtype=np.float32)
    assert shifting.shifted(tiny).shape == tiny.shape
    assert (shifting.shifted(tiny) != tiny).any()


def test_a_sum_over_all_pixels_is_consistent(images):
    assert consistency(lambda x: x.sum((1, 2)), images) == 1.0


def test_a_look_at_one_pixel_is_as_consistent_as_chance(images):
    first = consistency(lambda x: x[:, 0, 0], images)
    moved = shifting.shifted(images)
    expected = np.mean(images[:, 0, 0].argmax(-1) == moved[:, 0, 0].argmax(-1))
    assert first == pytest.approx(expected)
    assert 0.2 < first < 0.8


@pytest.mark.parametrize("size", [1, 7, 50, 64])
@pytest.mark.parametrize("every", [1, 3, 8])
def test_batches_do_not_matter(images, size, every):
    asked = []

    def predict(x):
        asked.append(len(x))
        return x[:, 0, 0]

    reached = consistency(predict, images, size, every)
    assert sum(asked) == 50 + len(range(0, 50, every))
    assert reached == consistency(lambda x: x[:, 0, 0], images[::every])


@pytest.mark.parametrize(("count", "most"), [(1, 1), (355, 355), (1000, 1000), (1001, 501), (10_000, 1000)])
def test_cost_is_bounded(count, most):
    assert len(range(0, count, shifting.spacing(count))) == most <= shifting.IMAGES


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_file_is_measured_by_the_same_code(precision, images):
    model = zoo.create("separable_cnn", input_shape=(16, 24, 2), classes=3)
    model(images, training=True)
    file = export.load(export.to_tflite(model, precision=precision, calibration=[images]))
    of_model = consistency(tasks.keras_predictor(model), images)
    assert consistency(file, images) == pytest.approx(of_model, abs=1e-9 if precision == "float32" else 0.1)


def test_only_classifiers_of_images_are_measured():
    data = type("Data", (), {"test": Split(np.zeros((6, 4, 4, 1), np.float32), np.arange(6) % 3)})

    def predict(x):
        return np.zeros((len(x), 3), np.float32)

    pictures = registry.get("lenet5_digits")
    assert tasks.Context(pictures, data).score(predict)["shift_consistency"] == 1.0
    sounds = registry.get("ds_cnn_spoken_digit")
    assert set(tasks.Context(sounds, data).score(predict)) == {"accuracy", "f1", "cross_entropy"}


def test_it_is_among_the_runs_metrics(finished_run, edgezoo):
    reached = finished_run.metrics["shift_consistency"]
    assert 0.3 < reached < 1
    for file in finished_run.report.files:
        assert abs(file.metrics["shift_consistency"] - reached) < 0.1
    path = finished_run.run.path / "export" / "int8.tflite"
    said = json.loads(edgezoo("evaluate", path, "--json").out)["test"]["shift_consistency"]
    assert said == pytest.approx(finished_run.report.file("int8").metrics["shift_consistency"])
