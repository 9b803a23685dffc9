"""Probabilities: the calibration error by its definition, the temperature, and files that carry it."""

import json
import shutil

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from PIL import Image
from scipy.special import log_softmax, softmax

import export
import recipes
import zoo
from recipes import RecipeError, pipeline, rundir
from recipes.statistics import calibrating, folding, reliability, temperature


def random_logits(count, classes, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (count, classes)), rng.integers(0, classes, count)


def error_by_definition(probabilities, labels, bins):
    """Equation 3 of Guo et al., 2017, bin by bin."""
    confidences, guesses = probabilities.max(1), probabilities.argmax(1)
    total = 0.0
    for m in range(bins):
        inside = (confidences > m / bins) & (confidences <= (m + 1) / bins)
        if inside.any():
            gap = (guesses == labels)[inside].mean() - confidences[inside].mean()
            total += inside.sum() / len(labels) * abs(gap)
    return total


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(2, 6), st.integers(1, 20), st.integers(0, 99))
def test_calibration_error_by_definition(count, classes, bins, seed):
    logits, labels = random_logits(count, classes, seed)
    probabilities = softmax(logits, axis=-1)
    found = reliability.of(probabilities, labels, bins)
    assert found.error == pytest.approx(error_by_definition(probabilities, labels, bins), abs=1e-9)
    assert found.counts.sum() == count
    nats = -log_softmax(logits, -1)[np.arange(count), labels].mean()
    assert reliability.cross_entropy(logits, labels) == pytest.approx(nats)


def test_honest_probabilities_have_little_error():
    logits, _ = random_logits(50_000, 4, 0)
    probabilities, rng = softmax(logits, axis=-1), np.random.default_rng(1)
    labels = (probabilities.cumsum(1) > rng.random((50_000, 1))).argmax(1)
    assert reliability.of(probabilities, labels).error < 0.01
    assert reliability.of(softmax(3 * logits, axis=-1), labels).error > 0.1
    assert temperature.fit(3 * logits, labels) == pytest.approx(3, rel=0.02)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.2, 8), st.integers(0, 30))
def test_temperature_is_a_minimum_and_follows_the_scale(scale, seed):
    logits, labels = random_logits(80, 3, seed)
    logits[np.arange(60), labels[:60]] += 2  # better than chance, some wrong
    plain, scaled = temperature.fit(logits, labels), temperature.fit(scale * logits, labels)
    assert scaled == pytest.approx(scale * plain, rel=1e-3)
    least = reliability.cross_entropy(logits, labels, plain)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert reliability.cross_entropy(logits, labels, factor * plain) >= least


def test_where_no_temperature_is_best_it_is_said():
    with pytest.raises(RecipeError, match="all 5 validation examples are classified correctly"):
        temperature.fit(np.eye(5), np.arange(5))
    with pytest.raises(RecipeError, match="say nothing about"):
        temperature.fit(-np.eye(5), np.arange(5))


MODELS = {
    "lenet1": ({}, True),
    "lenet5": ({"output": "radial"}, False),
    "all_convolutional": ({}, True),
    "ds_cnn": ({}, True),
    "capsnet": ({}, False),
}


@pytest.mark.parametrize("name", MODELS)
def test_folding_divides_the_logits(name, tmp_path):
    from zoo.registry import create_smallest

    keras.utils.set_random_seed(0)
    arguments, inside = MODELS[name]
    model = zoo.create(name, **arguments) if arguments else create_smallest(name)
    images = np.random.default_rng(0).random((8, *model.input_shape[1:]), np.float32)
    before, parameters = model.predict_on_batch(images), model.count_params()
    folded = folding.fold(model, 2.5, images)
    assert np.abs(folded.predict_on_batch(images) - before / 2.5).max() <= 1e-4 * before.std()
    assert folded.count_params() == parameters
    assert (folded.layers[-1].name != "temperature") is inside
    folded.save(tmp_path / "folded.keras")
    loaded = rundir.load_model(tmp_path / "folded.keras")
    assert np.allclose(loaded.predict_on_batch(images), before / 2.5, atol=1e-4 * before.std())


def joined(split):
    """Two heads whose mean is the output; `split` taps one of them for something that is no head."""
    start = keras.Input((5,), name="x")
    first, second = (layers.Dense(3, name=name)(start) for name in ("first", "second"))
    if split:
        second = layers.Multiply(name="gate")([second, layers.Activation("sigmoid", name="tap")(first)])
    return keras.Model(start, layers.Average(name="logits")([first, second]))


@pytest.mark.parametrize("split", [False, True])
def test_all_that_flows_together_is_divided_and_nothing_else(split):
    model, data = joined(split), np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    before = model.predict_on_batch(data)
    folded = folding.fold(model, 3.0, data)
    assert np.allclose(folded.predict_on_batch(data), before / 3, atol=1e-5)
    assert (folded.layers[-1].name == "temperature") is split


def test_a_model_with_simulated_integers_carries_it_into_its_file():
    keras.utils.set_random_seed(0)
    start = keras.Input((6,), name="x")
    x = layers.Dense(8, activation="relu", name="hidden")(start)
    model = keras.Model(start, layers.Dense(4, name="logits")(x))
    data = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    aware = export.quantization_aware(model, "int8", [data])
    before = export.load(export.to_tflite(aware, "int8"))(data)
    after = export.load(export.to_tflite(folding.fold(aware, 2.0, data), "int8"))(data)
    assert np.allclose(after, before / 2, atol=1e-5)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A run as it was, the same calibrated, and what that said."""
    folder = tmp_path_factory.mktemp("confidence")
    values = {"epochs": 3, "precisions": ("float32", "int8")}
    result = recipes.run("lenet5_digits", out=folder / "run", **values)
    before = shutil.copytree(result.run.path, folder / "before")
    return rundir.open_run(before), result.run, calibrating.calibrate(result.run)


def test_files_carry_the_temperature(calibrated):
    before, run, found = calibrated
    data = pipeline.prepare(run.recipe).test
    images = data.x / np.float32(255)
    for precision in ("float32", "int8"):
        old, new = (export.load(r.path / "export" / f"{precision}.tflite") for r in (before, run))
        assert new.contents.operators == old.contents.operators
        assert new.contents.bytes <= old.contents.bytes + 4096  # metadata
        logits = {"before": old(images), "after": new(images)}
        step = 0.0 if precision == "float32" else new.contents.signatures["serving_default"].outputs[0].scale
        gap = np.abs(logits["before"] / found["temperature"] - logits["after"]).max()
        assert gap <= 2 * step + 1e-4 * logits["after"].std()
        for when, shown in logits.items():
            part = found["test"][f"{precision}.tflite"][when]
            wanted = error_by_definition(softmax(shown.astype(np.float64), axis=-1), data.y, 15)
            assert part["calibration_error"] == pytest.approx(wanted, abs=1e-6)
    held_out = found["validation"]
    nats = held_out["cross_entropy"]
    assert 0 < held_out["errors"] < held_out["examples"] == 145
    assert nats["after"] < nats["before"]


def test_the_run_says_the_same_everywhere(calibrated):
    before, run, found = calibrated
    sidecar = json.loads((run.path / "export" / "int8.json").read_text())
    assert sidecar["confidence"]["temperature"] == found["temperature"]
    assert sidecar["confidence"]["calibration_error"] == pytest.approx(
        found["test"]["int8.tflite"]["after"]["calibration_error"]
    )
    assert export.load_report(run.path / "export").passed
    old, new = before.metrics()["test"], run.metrics()["test"]
    assert new["accuracy"] == old["accuracy"]
    assert new["cross_entropy"] == pytest.approx(found["test"]["Keras model"]["after"]["cross_entropy"])
    assert old["cross_entropy"] == pytest.approx(found["test"]["Keras model"]["before"]["cross_entropy"])
    assert Image.open(run.path / "plots" / "reliability.png").size[0] > 800


def test_it_is_done_once_and_goes_on_after_a_kill(calibrated, edgezoo):
    _, run, found = calibrated
    model = run.model_file.read_bytes()
    files = {p.name: p.read_bytes() for p in (run.path / "export").glob("*.tflite")}
    (run.path / "metrics.json").unlink()  # as a kill after the model was written would leave it
    ended = edgezoo("calibrate", run.path, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == json.loads((run.path / "confidence.json").read_text()) == found
    assert run.model_file.read_bytes() == model
    assert files == {p.name: p.read_bytes() for p in (run.path / "export").glob("*.tflite")}
    assert run.metrics()


def test_what_cannot_be_calibrated_is_named(run_copy, edgezoo):
    (run_copy / "export" / "report.json").unlink()
    ended = edgezoo("calibrate", run_copy)
    assert ended.code == 2
    assert f"edgezoo run --resume {run_copy}" in ended.err
    assert not (run_copy / "confidence.json").exists()
    recipe = json.loads((run_copy / "recipe.json").read_text()) | {"task": "reconstruction"}
    (run_copy / "recipe.json").write_text(json.dumps(recipe))
    for verb in ("calibrate", "conformal"):
        ended = edgezoo(verb, run_copy)
        assert ended.code == 2
        assert "task=reconstruction, which names no classes" in ended.err
