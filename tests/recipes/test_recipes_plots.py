"""The pictures of a run can be opened and show something."""

import numpy as np
import pytest
from PIL import Image

from recipes import plots

HISTORY = [
    {"epoch": e, "loss": 1 / e, "accuracy": 1 - 1 / (e + 1), "val_loss": 1.2 / e, "val_accuracy": 0.5}
    for e in (1, 2, 3)
]


def pixels(path, least=300):
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG" and min(image.size) >= least
        return np.asarray(image.convert("RGB"))


def test_learning_curves(tmp_path):
    plots.learning_curves(tmp_path / "a.png", HISTORY, "a recipe")
    drawn = pixels(tmp_path / "a.png")
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 10
    plots.learning_curves(tmp_path / "b.png", [{**row, "loss": 1.0} for row in HISTORY], "a recipe")
    assert (pixels(tmp_path / "b.png") != drawn).any()


def test_confusion_matrix(tmp_path):
    labels = np.repeat(np.arange(3), 20)
    plots.confusion_matrix(tmp_path / "right.png", labels, labels, ("a", "b", "c"))
    plots.confusion_matrix(tmp_path / "wrong.png", labels, np.roll(labels, 7), ("a", "b", "c"))
    right, wrong = pixels(tmp_path / "right.png"), pixels(tmp_path / "wrong.png")
    assert (right != wrong).any()
    deepest = np.array([8, 48, 107])  # the darkest of matplotlib's Blues: a share of 100 %
    assert (np.abs(right.astype(int) - deepest).max(-1) <= 2).mean() > 0.1
    assert not (np.abs(wrong.astype(int) - deepest).max(-1) <= 2).mean() > 0.1


def test_confusion_matrix_of_classes_that_never_come(tmp_path):
    plots.confusion_matrix(
        tmp_path / "a.png", np.array([0, 0, 1]), np.array([0, 1, 1]), [f"class {i}" for i in range(25)]
    )
    pixels(tmp_path / "a.png")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [4, 10, 13])
def test_reconstructions(tmp_path, channels, count):
    originals = np.random.default_rng(0).random((count, 8, 8, channels), dtype=np.float32)
    plots.reconstructions(tmp_path / "a.png", originals, np.zeros_like(originals))
    drawn = pixels(tmp_path / "a.png", 90)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 50


def test_originals_stand_above_their_reconstructions(tmp_path):
    white = np.ones((10, 8, 8, 1), np.float32)
    plots.reconstructions(tmp_path / "a.png", white, 0 * white)
    drawn = pixels(tmp_path / "a.png", 90)[..., 0]
    dark = np.flatnonzero((drawn < 10).mean(1) > 0.5)
    assert dark.min() > drawn.shape[0] / 2


def test_samples(tmp_path):
    plots.samples(tmp_path / "a.png", np.random.default_rng(0).random((100, 6, 6, 1)))
    assert len(np.unique(pixels(tmp_path / "a.png"))) > 50


def test_plots_of_a_run(finished_run):
    for name in ("learning_curves", "confusion_matrix"):
        drawn = pixels(finished_run.run.path / "plots" / f"{name}.png")
        assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 10
