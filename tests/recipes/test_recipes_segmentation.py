"""Segmentation: its scores against scikit-learn, a run from drawing to masks, and what it refuses."""

import json
import types

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, jaccard_score

import export
import recipes
import zoo
from recipes import palette, pipeline, plots, registry, tasks
from recipes.data import feeding, prepared, preparing
from recipes.errors import RecipeError
from recipes.recipe import Features

TINY = {
    "data": "digits_canvas",
    "epochs": 2,
    "arguments.width": 4,
    "arguments.depth": 2,
    "precisions": ("float32", "int8"),
    "calibration": 50,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of a small U-Net on canvases of the embedded digits."""
    return recipes.run("unet_mnist_canvas", out=tmp_path_factory.mktemp("runs") / "run", **TINY)


def batches(labels, logits, size=3):
    """Batches whose images carry the logits that `predict` is to give for them."""
    return [(logits[i : i + size], labels[i : i + size]) for i in range(0, len(labels), size)]


def test_scores_against_scikit_learn():
    task, rng = tasks.get("segmentation"), np.random.default_rng(0)
    labels, logits = rng.integers(0, 4, (8, 6, 5)), rng.normal(size=(8, 6, 5, 4)).astype(np.float32)
    scores = task.score(lambda x: x, batches(labels, logits), None)
    guesses = logits.argmax(-1).ravel()
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    named = np.take_along_axis(p, labels[..., None], -1)
    assert scores["mean_iou"] == pytest.approx(jaccard_score(labels.ravel(), guesses, average="macro"))
    assert scores["pixel_accuracy"] == pytest.approx(accuracy_score(labels.ravel(), guesses))
    assert scores["cross_entropy"] == pytest.approx(-np.log(named).mean(), rel=1e-5)


def test_classes_that_neither_occur_nor_are_named_do_not_count():
    task = tasks.get("segmentation")
    labels = np.array([[[0, 0], [2, 2]]])
    logits = np.eye(9)[np.array([[[0, 2], [2, 2]]])].astype(np.float32)
    assert task.score(lambda x: x, [(logits, labels)], None)["mean_iou"] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_one_class_everywhere(context_of):
    labels = np.array([[[0, 0], [0, 3]], [[0, 1], [0, 0]]])
    split = prepared.Split(np.zeros((2, 2, 2, 1)), labels)
    reference = tasks.get("segmentation").reference(None, context_of(split, split), {})
    assert reference == {"commonest_class_mean_iou": 0.25, "commonest_class_pixel_accuracy": 0.75}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_the_mean_over_pixels(smoothing):
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 4, (2, 3, 5)), rng.normal(size=(2, 3, 5, 4)).astype(np.float32)
    target = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    loss = tasks.get("segmentation").loss(types.SimpleNamespace(label_smoothing=smoothing))
    assert float(loss(labels, logits)) == pytest.approx(-(target * log_p).sum(-1).mean(), rel=1e-5)


def test_masks_are_fed_as_they_are_stored():
    data = prepared.prepare("digits_canvas", Features())
    chosen = data.train.take([5, 3, 8])
    ((x, y),) = [feeding.Batches(chosen, 8)[0]]
    assert (x.dtype, y.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(y, data.train.y[[5, 3, 8]])
    np.testing.assert_allclose(x * 255, data.train.x[[5, 3, 8]], atol=1e-4)
    rest, part = preparing.stratified(data.train.y, 0.1, seed=0)
    assert sorted([*rest, *part]) == list(range(1000)) and len(part) == 100
    assert set(part) != set(preparing.stratified(data.train.y, 0.1, seed=1)[1])


def test_the_exported_file_is_scored_by_the_same_code():
    task, model = (
        tasks.get("segmentation"),
        zoo.create("unet", input_shape=(8, 8, 1), classes=4, width=4, depth=2),
    )
    rng = np.random.default_rng(0)
    data = batches(rng.integers(0, 4, (7, 8, 8)), rng.random((7, 8, 8, 1), dtype=np.float32))
    file = export.load(export.to_tflite(model))
    assert task.score(file, data, None) == pytest.approx(
        task.score(tasks.keras_predictor(model), data, None), rel=1e-4
    )


def test_run_from_canvases_to_verified_files(run):
    scores = run.metrics
    assert set(scores) >= {"mean_iou", "pixel_accuracy", "cross_entropy", "commonest_class_mean_iou"}
    losses = [row["val_loss"] for row in run.run.history()]
    assert losses[1] < losses[0]
    assert {f.precision for f in run.report.files} == {"float32", "int8"}
    for file in run.report.files:
        assert file.verification.passed, file.verification.problems
        assert file.metrics["pixel_accuracy"] == pytest.approx(scores["pixel_accuracy"], abs=0.05)
        assert not file.contents.flex
    labels = (run.run.path / "labels.txt").read_text().splitlines()
    assert labels == ["background", *"0123456789"]


def test_plots_show_images_and_masks(run):
    with Image.open(run.run.path / "plots" / "segmentations.png") as picture:
        drawn = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    for colour in palette.colours(11)[1:]:
        assert (np.abs(drawn.astype(int) - colour).max(-1) <= 2).sum() > 20


@pytest.mark.parametrize("channels", [1, 3])
def test_segmentations_stand_below_their_images(tmp_path, channels):
    white, masks = np.ones((4, 8, 8, channels), np.float32), np.zeros((4, 8, 8), np.uint8)
    plots.segmentations(tmp_path / "a.png", white, masks + 1, masks, ("a", "b"))
    with Image.open(tmp_path / "a.png") as picture:
        drawn = np.asarray(picture.convert("RGB")).astype(int)
    coloured = (np.abs(drawn - palette.colours(2)[1]).max(-1) <= 2).mean(1)
    black = (drawn.max(-1) < 10).mean(1)
    rows = [np.flatnonzero(share > 0.2) for share in (coloured, black)]
    assert rows[0].size and rows[1].size and rows[0].min() < rows[1].min()


def test_colours_differ():
    many = palette.colours(21).astype(int)
    apart = np.abs(many[:, None] - many).sum(-1) + 1000 * np.eye(21)
    assert apart.min() > 30
    assert not many[0].any()


def test_predict_writes_masks(run, edgezoo, tmp_path):
    data = pipeline.prepare(run.run.recipe)
    image = tmp_path / "a.png"
    Image.fromarray(data.test.x[0, ..., 0]).save(image)
    for target in (run.run.path, run.run.path / "export" / "int8.tflite"):
        ended = edgezoo("predict", target, image, "--out", tmp_path / "out", "--json", "--top", 11)
        assert ended.code == 0, ended.err
        (row,) = json.loads(ended.out)
        with Image.open(row["picture"]) as mask:
            assert mask.mode == "P"
            classes = np.asarray(mask)
            seen = np.asarray(mask.convert("RGB"))
        assert classes.shape == (24, 24)
        np.testing.assert_array_equal(seen, palette.colours(11)[classes])
        shares = {p["class"]: p["share"] for p in row["pixels"]}
        assert shares["background"] == pytest.approx((classes == 0).mean())
        assert sum(shares.values()) == pytest.approx(1)
    logits = np.asarray(run.run.model().predict_on_batch(data.test.x[:1] / np.float32(255)))
    first = edgezoo("predict", run.run.path, image, "--out", tmp_path / "again")
    assert "background" in first.out and "% of the pixels" in first.out
    with Image.open(tmp_path / "again" / "a-png.png") as mask:
        np.testing.assert_array_equal(np.asarray(mask), logits[0].argmax(-1))


def test_evaluate_scores_a_file(run, edgezoo):
    ended = edgezoo("evaluate", run.run.path / "export" / "float32.tflite", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["test"]["mean_iou"] == pytest.approx(run.metrics["mean_iou"], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "values", "parts"),
    [
        ("unet_mnist_canvas", {"augmentation.flip": True}, ["augmentation.flip=True", "segmentation"]),
        ("unet_mnist_canvas", {"augmentation.translation": (0.1, 0.0)}, ["translation=(0.1, 0.0)"]),
        ("unet_mnist_canvas", {"augmentation.erasing": 0.5}, ["erasing=0.5", "0.0"]),
        ("unet_mnist_canvas", {"augmentation.mixup": 0.2}, ["mixup", "segmentation"]),
        ("unet_mnist_canvas", {"data": "digits"}, ["one class an image", "digits_canvas"]),
        ("lenet5_digits", {"data": "digits_canvas"}, ["a class a pixel", "task=segmentation"]),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, name, values, parts):
    recipe = registry.get(name, **{"data": "digits_canvas", **values, "features.image_size": (24, 24)})
    with pytest.raises(RecipeError) as raised:
        pipeline.start(recipe, tmp_path / "run")
    for part in parts:
        assert part in str(raised.value)
    assert not (tmp_path / "run").exists()
