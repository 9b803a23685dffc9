"""Anomaly detection: its scores by hand and against scikit-learn, what is learnt, a run to its last file."""

import json
import types

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import recipes
import zoo
from recipes import pipeline, registry, tasks
from recipes.data.prepared import Prepared, Split
from recipes.errors import RecipeError
from recipes.recipe import Recipe

TINY = {
    "model": "dense_autoencoder",
    "arguments": {"code": 6, "hidden": [32]},
    "task": "anomaly",
    "data": "digits",
    "features.image_size": (8, 8),
    "features.left_out": "0",
    "augmentation.translation": (0, 0),
    "epochs": 12,
    "precisions": ("float32", "int8"),
    "calibration": 100,
}


def prepared(shape=(6, 5, 1), count=60, classes=3, per_pixel=False):
    rng = np.random.default_rng(0)
    y = np.zeros((count, *shape[:2]), np.uint8) if per_pixel else np.arange(count, dtype=np.int32) % classes
    train, test = (Split(rng.random((count, *shape), np.float32), y) for _ in range(2))
    return Prepared("made up", train, test, tuple("abcdefghij"[:classes]), "nowhere")


def context_of(data, **values):
    values = {"features": {"left_out": "b"}, "validation": 0.25, **values}
    chosen = registry.override(Recipe(model="dense_autoencoder", data="made up", task="anomaly"), values)
    return tasks.Context(chosen, data)


def batches_of(split, size=7):
    return [(split.x[i : i + size], split.y[i : i + size]) for i in range(0, len(split.y), size)]


def halved(x):
    return 0.5 * x


@pytest.mark.parametrize("error", ["squared", "relative"])
@pytest.mark.parametrize("shape", [(6, 5, 1), (30, 2)])
def test_scores_by_hand(shape, error):
    data = prepared(shape)
    context = context_of(data, **{"evaluation.anomaly_error": error, "evaluation.false_positive_rate": 0.2})
    noise = np.random.default_rng(1).normal(size=data.test.x.shape)
    missed = dict(zip((x.tobytes() for x in data.test.x), noise, strict=True))

    def predict(batch):
        return np.stack([x + missed.get(x.tobytes(), 0.1 * x) for x in batch])

    def judged(x, rebuilt):
        squares = ((x - rebuilt) ** 2).reshape(len(x), -1).sum(1)
        return squares if error == "squared" else squares / (x.astype(float) ** 2).reshape(len(x), -1).sum(1)

    scores = tasks.get("anomaly").score(predict, batches_of(data.test), context)
    errors, wrong = judged(data.test.x, predict(data.test.x)), data.test.y == 1
    held_back = context.images(context.validation)
    limit = np.sort(judged(held_back, predict(held_back)))[7]  # 2 of 10 are above it
    assert len(held_back) == 10
    assert scores == pytest.approx(
        {
            "roc_auc": roc_auc_score(wrong, errors),
            "average_precision": average_precision_score(wrong, errors),
            "threshold": limit,
            "true_positive_rate": (errors[wrong] > limit).mean(),
            "false_positive_rate": (errors[~wrong] > limit).mean(),
        },
        rel=1e-4,
    )


def test_threshold_keeps_the_stated_rate_on_what_was_held_back():
    data = prepared(count=300)
    task = tasks.get("anomaly")
    for rate in (0.01, 0.05, 0.1, 0.5):
        context = context_of(data, **{"evaluation.false_positive_rate": rate})
        held_back = context.images(context.validation)
        errors = (0.25 * held_back**2).reshape(len(held_back), -1).sum(1)
        above = (errors > task.threshold(halved, context) * (1 + 1e-6)).mean()
        assert rate - 1 / len(errors) - 1e-9 <= above <= rate


def test_an_empty_example_has_a_finite_relative_error():
    recipe = context_of(prepared(), **{"evaluation.anomaly_error": "relative"}).recipe
    empty, some = np.zeros((1, 4, 4, 1), np.float32), np.full((1, 4, 4, 1), 0.1, np.float32)
    errors_of = tasks.get("anomaly").errors_of
    assert errors_of(recipe, empty, empty) == 0
    assert np.isfinite(errors_of(recipe, empty, some)).all()


def test_the_class_left_out_is_neither_learnt_nor_held_back():
    data = prepared()
    for name, number in zip("abc", range(3), strict=True):
        context = context_of(data, **{"features.left_out": name})
        used = np.concatenate([context.train.indices, context.validation.indices])
        assert sorted(used) == np.flatnonzero(data.train.y != number).tolist()


def test_ten_seeds_leave_out_each_of_ten_classes_once():
    data = prepared(classes=10)
    task = tasks.get("anomaly")
    numbers = [
        task.left_out(context_of(data, **{"features.left_out": "seed", "seed": seed}).recipe, data)
        for seed in range(20)
    ]
    assert numbers == [*range(10), *range(10)]


@pytest.mark.parametrize(
    ("left_out", "per_pixel", "parts"),
    [
        ("none", False, ["features.left_out is not given", "a, b, c", "seed"]),
        ("d", False, ["features.left_out=d", "made up", "a, b, c"]),
        ("a", True, ["a class a pixel"]),
    ],
)
def test_class_that_cannot_be_left_out(left_out, per_pixel, parts):
    data = prepared(per_pixel=per_pixel)
    context = context_of(data, **{"features.left_out": left_out})
    with pytest.raises(RecipeError) as raised:
        tasks.check_labels(context.recipe, data)
    assert all(part in str(raised.value) for part in parts)


def test_nothing_is_written_before_the_class_is_known(tmp_path):
    recipe = registry.get("lenet5_digits", **(TINY | {"features.left_out": "ten"}))
    with pytest.raises(RecipeError, match="features.left_out=ten"):
        pipeline.start(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("label", [0, 1])
def test_one_kind_alone_cannot_be_scored(label):
    data = prepared()
    chosen = np.flatnonzero(data.test.y == label)
    with pytest.raises(RecipeError, match="ordinary examples and anomalies are both needed"):
        tasks.get("anomaly").score(halved, [(data.test.x[chosen], data.test.y[chosen])], context_of(data))


@pytest.mark.parametrize("code", [(4,), (2, 2, 1)])
def test_principal_components_of_the_ordinary_examples(code):
    data = prepared()
    context = context_of(data)
    model = types.SimpleNamespace(encoder=types.SimpleNamespace(output=np.zeros((1, *code))))
    found = tasks.get("anomaly").reference(model, context, {})
    learnt, test = context.images(context.train).reshape(-1, 30), data.test.x.reshape(-1, 30)
    axes = np.linalg.svd(learnt - learnt.mean(0), full_matrices=False)[2][:4]
    centred = test - learnt.mean(0)
    errors = ((centred - centred @ axes.T @ axes) ** 2).sum(1)
    assert found["pca_roc_auc"] == pytest.approx(roc_auc_score(data.test.y == 1, errors))
    assert found["share_of_anomalies"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["dense_autoencoder", "vae"])
def test_every_signature_gets_its_inputs(name):
    model = zoo.create(name, input_shape=(6, 6, 1), code=3, hidden=(8,) if name != "vae" else "dense")
    images = np.random.default_rng(0).random((5, 6, 6, 1), dtype=np.float32)
    inputs = tasks.get("anomaly").signature_inputs(model, images, None)
    assert set(inputs) == set(model.signatures)
    for signature, part in model.signatures.items():
        assert inputs[signature][0].shape == (5, *part.input_shape[1:])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run that never saw a zero."""
    return recipes.run("lenet5_digits", out=tmp_path_factory.mktemp("runs") / "run", **TINY)


def test_a_run_finds_the_digit_it_never_saw(run):
    assert run.metrics["roc_auc"] > 0.75
    assert run.metrics["share_of_anomalies"] == pytest.approx(35 / 355)
    for precision in ("float32", "int8"):
        file = run.report.file(precision)
        assert set(file.metrics) <= set(run.metrics) and not file.problems
    assert run.report.file("float32").metrics["roc_auc"] == pytest.approx(run.metrics["roc_auc"], abs=1e-4)


def test_a_run_is_drawn(run):
    plots = {file.name for file in (run.run.path / "plots").iterdir()}
    assert plots == {"learning_curves.png", "errors.png", "roc.png", "hardest.png"}


def test_signals_are_drawn(tmp_path):
    from recipes.drawings import anomalies

    signals = np.random.default_rng(0).random((3, 20, 1))
    anomalies.hardest(
        tmp_path / "a.png", (signals, signals, np.arange(3.0)), (signals[:1], signals[:1], [1.0])
    )
    assert (tmp_path / "a.png").stat().st_size > 5000


@pytest.mark.parametrize("part", ["", "export/int8.tflite"])
def test_predict_says_what_is_out_of_the_ordinary(run, edgezoo, tmp_path, part):
    data = pipeline.prepare(run.run.recipe)
    np.save(tmp_path / "digits.npy", np.asarray(data.test.x[:20]))
    target = run.run.path / part
    ended = edgezoo("predict", target, tmp_path / "digits.npy", "--out", tmp_path / "out", "--json")
    rows = json.loads(ended.out)
    model = run.run.model()
    images = data.test.x[:20] / np.float32(255)
    errors = ((model.predict_on_batch(images) - images) ** 2).sum((1, 2, 3))
    limit = run.report.file("int8").metrics["threshold"] if part else run.metrics["threshold"]
    np.testing.assert_allclose([row["error"] for row in rows], errors, rtol=0.1 if part else 1e-4)
    assert [row["threshold"] for row in rows] == pytest.approx([limit] * 20)
    assert [row["anomaly"] for row in rows] == [row["error"] > row["threshold"] for row in rows]
    said = edgezoo("predict", target, tmp_path / "digits.npy", "--out", tmp_path / "out").out
    assert f"the threshold {limit:.4g}" in said


def test_values_of_a_recipe_that_do_not_exist():
    with pytest.raises(RecipeError, match="anomaly_error"):
        registry.get("lenet5_digits", **{"evaluation.anomaly_error": "cubed"})
    with pytest.raises(RecipeError, match="false_positive_rate"):
        registry.get("lenet5_digits", **{"evaluation.false_positive_rate": 0.0})
