"""Generated data sets: what is drawn, that it is drawn once and the same, and what is refused."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from recipes.data import canvas, generated, known, prepared, preparing, transformed
from recipes.errors import RecipeError
from recipes.recipe import Features


def blocks(side=10, margin=3):
    """Figures of two classes that can be told apart: full squares, and squares with a hole."""
    x = np.zeros((2, side + 2 * margin, side + 2 * margin, 1), np.uint8)
    x[:, margin:-margin, margin:-margin] = 255
    x[1, margin + 2 : -margin - 2, margin + 2 : -margin - 2] = 0
    return prepared.Split(x, np.array([4, 7], np.int32))


def test_every_pixel_of_a_figure_and_no_other_has_its_class():
    x, y = canvas.draw(blocks(), 40, (48, 40), np.random.default_rng(0))
    assert (x.shape, y.shape, x.dtype, y.dtype) == ((40, 48, 40, 1), (40, 48, 40), np.uint8, np.uint8)
    assert set(np.unique(y)) == {0, 5, 8}
    counts = []
    for image, mask in zip(x[..., 0], y, strict=True):
        parts, count = ndimage.label(mask > 0)
        counts.append(count)
        for place in ndimage.find_objects(parts):
            drawn = mask[place]
            height, width = drawn.shape
            assert 10 <= height <= 15 and height == width  # ten pixels, scaled by 1 to 1.5
            assert len(np.unique(drawn[drawn > 0])) == 1  # nothing else in it
            assert image[place][drawn > 0].min() >= 0.6 * 80 - 1
            middle = drawn[height // 2, width // 2]
            assert middle == (5 if drawn.max() == 5 else 0)
    assert set(counts) == {1, 2, 3}


def test_background_is_not_empty():
    x, y = canvas.draw(blocks(), 40, (48, 40), np.random.default_rng(0))
    behind = x[..., 0][y == 0]
    assert behind.std() > 10
    assert (behind > 150).mean() > 0.004  # pieces as bright as figures


def test_figures_that_fill_the_canvas_and_empty_ones_are_drawn():
    size, labels = canvas.largest_figure((16, 16)), np.zeros(1, np.int32)
    full, empty = (prepared.Split(np.full((1, 16, 16, 1), ink, np.uint8), labels) for ink in (255, 0))
    assert canvas.draw(full, 20, size, np.random.default_rng(0))[1].any(axis=(1, 2)).all()
    assert not canvas.draw(empty, 3, size, np.random.default_rng(0))[1].any()


@settings(max_examples=25, deadline=None)
@given(
    angle=st.floats(-45, 45),
    scale=st.floats(0.7, 1.2),
    position=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_transformation_against_scipy(angle, scale, position):
    """Smooth ink, turned and scaled about its middle; the place follows from the middle of the result."""
    image = np.zeros((20, 20))
    image[5:15, 7:13] = np.random.default_rng(0).uniform(60, 255, (10, 6))
    image = ndimage.gaussian_filter(image, 1.0)
    image[image < 1] = 0
    drawn = transformed.placed(image.astype(np.uint8), math.radians(angle), scale, (42, 36), position)
    a = math.radians(angle)
    matrix = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]) / scale  # (y, x) back
    rows, columns = (np.flatnonzero(image.astype(np.uint8).any(axis)) for axis in (1, 0))
    middle = np.array([rows[0] + rows[-1], columns[0] + columns[-1]]) / 2
    half = np.array([len(rows), len(columns)]) / 2
    reach = scale * np.abs([[math.cos(a), math.sin(a)], [math.sin(a), math.cos(a)]]) @ half
    target = reach + (np.array([42, 36]) - 2 * reach) * position - 0.5
    expected = ndimage.affine_transform(
        image.astype(np.uint8).astype(float), matrix, middle - matrix @ target, (42, 36), order=1
    )
    assert np.abs(drawn - expected).max() <= 2
    inner = drawn.sum() / (image.astype(np.uint8).sum() * scale**2)
    assert inner == pytest.approx(1, abs=0.03)  # nothing is cut off


def test_a_figure_that_is_not_transformed_is_copied():
    image = blocks().x[1, ..., 0]
    drawn = transformed.placed(image, 0.0, 1.0, (30, 20), (0.5, 1.0))
    expected = np.zeros((30, 20), np.uint8)
    expected[10:20, 10:20] = image[3:13, 3:13]
    np.testing.assert_array_equal(drawn, expected)
    assert not transformed.placed(np.zeros((8, 8), np.uint8), 0.5, 1.0, (12, 12), (0, 0)).any()


def test_anticlockwise_is_positive():
    image = np.zeros((21, 21), np.uint8)
    image[10, 10:20] = image[9:12, 10:12] = 255  # a hand that points to the right
    image[10, 1:10] = 1
    up = transformed.placed(image, math.radians(45), 1.0, (31, 31), (0.5, 0.5))
    assert up[:15, 16:].sum() > 10 * up[16:, 16:].sum()


def test_canvases_of_digits():
    data = prepared.prepare("digits_canvas", Features())
    assert data.shape == (24, 24, 1) and data.per_pixel
    assert data.train.y.shape == (1000, 24, 24) and data.test.y.shape == (200, 24, 24)
    assert data.classes == ("background", *"0123456789")
    assert set(np.unique(data.train.y)) == set(np.unique(data.test.y)) == set(range(11))
    assert "digits" in data.source and "seed 2015" in data.source


def test_transformed_digits_keep_their_order_and_labels():
    data, origin = (prepared.prepare(name, Features()) for name in ("digits_transformed", "digits"))
    assert data.shape == (14, 14, 1) and not data.per_pixel
    assert data.classes == origin.classes
    for split in ("train", "test"):
        np.testing.assert_array_equal(getattr(data, split).y, getattr(origin, split).y)
    sums = [split.x.reshape(len(split.y), -1).sum(1, dtype=float) for split in (data.train, origin.train)]
    assert (
        np.corrcoef(*sums)[0, 1] > 0.3
    )  # the same figures, brighter where they were and larger where scaled


def test_the_same_is_drawn_again(tmp_path, monkeypatch):
    first = prepared.prepare("digits_canvas", Features())
    monkeypatch.setenv("EDGEZOO_CACHE", str(tmp_path))
    again = prepared.prepare("digits_canvas", Features())
    for split in ("train", "test"):
        for part in "xy":
            np.testing.assert_array_equal(*(getattr(getattr(d, split), part) for d in (first, again)))
    assert np.abs(again.train.x[:200].astype(int) - again.test.x[:200]).mean() > 5


def test_image_size_is_that_of_the_canvas():
    data = prepared.prepare("digits_canvas", Features(image_size=(16, 20)))
    assert data.shape == (16, 20, 1) and data.train.y.shape[1:] == (16, 20)


@pytest.mark.parametrize(
    ("name", "size", "least"),
    [("digits_canvas", (10, 24), "at least 12,12"), ("digits_transformed", (14, 7), "at least 8,8")],
)
def test_canvas_that_holds_no_figure_is_refused(name, size, least):
    with pytest.raises(RecipeError, match=f"image_size={size[0]},{size[1]}: '{name}' needs {least}"):
        prepared.prepare(name, Features(image_size=size))


def test_front_end_is_refused():
    with pytest.raises(RecipeError, match="'digits_canvas' holds images"):
        prepared.prepare("digits_canvas", Features(front_end="mfcc"))


def test_a_new_version_is_drawn_anew(monkeypatch):
    keys = [prepared._key(name, Features()) for name in ("digits", "digits_canvas")]
    monkeypatch.setattr(generated, "VERSION", generated.VERSION + 1)
    assert prepared._key("digits", Features()) == keys[0]
    assert prepared._key("digits_canvas", Features()) != keys[1]


def test_second_time_only_maps_the_arrays():
    prepared.prepare("digits_canvas", Features())
    code = (
        "import sys; from recipes.data.prepared import prepare; from recipes.recipe import Features;"
        "data = prepare('digits_canvas', Features());"
        "assert type(data.train.y).__name__ == 'memmap';"
        "assert not {'tensorflow', 'keras', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_kill_while_drawing_leaves_nothing_half_written(tmp_path):
    code = (
        "import os, signal; from recipes.data.prepared import prepare; from recipes.recipe import Features;"
        "prepare('digits_canvas', Features(), lambda s, *n: 'drawing' in s and os.kill(os.getpid(), signal.SIGKILL))"
    )
    env = {**os.environ, "EDGEZOO_CACHE": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", code], env=env, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    names = sorted(f.name.partition("-")[0] for f in (tmp_path / "prepared").iterdir())
    assert names == [".preparing", "digits"]


def test_progress_is_told(tmp_path):
    told = []

    def tell(*step):
        told.append(step)

    preparing.write("digits_canvas", Features(), tmp_path / "canvas", tell, prepared.prepare)
    assert told[-1] == ("drawing digits_canvas (test)", 200, 200)


@pytest.mark.parametrize("name", sorted(generated.SETS))
def test_the_list_of_data_sets_tells_the_same(name):
    listed = {d.name: d for d in known.DATASETS}
    plan, row = generated.SETS[name], listed[name]
    counts = plan.counts or {split: getattr(listed[plan.origin], split) for split in ("train", "test")}
    assert (row.train, row.test) == (counts["train"], counts["test"])
    assert row.shape == f"{plan.size[0]}x{plan.size[1]}x1"
    assert row.licence == listed[plan.origin].licence


def test_canvases_of_mnist(real_data):
    real_data("mnist")
    digits = prepared.prepare("mnist", Features()).test
    x, y = canvas.draw(digits, 30, generated.SETS["mnist_canvas"].size, np.random.default_rng(1))
    assert x.shape == (30, 64, 64, 1)
    assert set(np.unique(y)) == set(range(11))
    assert 0.04 < (y > 0).mean() < 0.2
