"""Data that no model can learn from: the first example that is wrong is named, before the first step."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from recipes import pipeline, registry
from recipes.data import checking, folders, preparing, tfds_sets
from recipes.data.prepared import Prepared, Split
from recipes.errors import RecipeError
from recipes.recipe import Features
from recipes.training import fit

CLASSES = ("a", "b", "c")


def refused(*parts):
    """A block that has to end in a `RecipeError` with these parts."""
    return pytest.raises(RecipeError, match=".*".join(parts))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.data())
def test_the_first_label_of_no_class_is_named(count, data):
    y = np.zeros(count, np.int32)
    places = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3))
    for place in places:
        y[place] = data.draw(st.sampled_from([-1, 3, 250]))
    with refused(f"'s': example {min(places)} of its train split has the label {y[min(places)]}", "0 to 2"):
        checking.check(np.zeros((count, 1, 1, 1), np.uint8), y, CLASSES, "s", "train")


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.data())
def test_the_first_value_that_is_no_number_is_named(count, data):
    x = np.zeros((count, 2, 3, 1), np.float32)
    places = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3))
    for place in places:
        x[place, 1, data.draw(st.integers(0, 2))] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    with refused(f"'s': example {min(places)} of its test split holds -?(nan|inf)"):
        checking.check(x, np.zeros(count, np.int32), CLASSES, "s", "test")


def test_a_pixel_of_no_class_is_named():
    y = np.zeros((5, 4, 4), np.int32)
    y[3, 2, 1] = 7
    with refused("example 3 of its train split has the label 7"):
        checking.check(np.zeros((5, 4, 4, 1), np.uint8), y, CLASSES, "s", "train")


def test_sound_data_pass():
    for dtype in (np.uint8, np.float32):
        checking.check(np.ones((7, 2, 2, 1), dtype), np.arange(7) % 3, CLASSES, "s", "train")


@pytest.fixture
def loaded(monkeypatch):
    """`loaded(labels, announced)`: digits read by TFDS, with other labels, or fewer examples than announced."""
    real = tfds_sets.load("digits")

    def replaced(change=lambda labels: labels, keep=None, splits=None):
        def batches(split, size):
            for images, labels in real.batches(split, size):
                yield images[:keep], change(labels[:keep].copy())

        own = dataclasses.replace(real, batches=batches, splits=splits or real.splits)
        monkeypatch.setattr(tfds_sets, "load", lambda name: own)

    return replaced


def outside(labels):
    labels[5] = 11
    return labels


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"change": outside}, "example 5 of its train split has the label 11"),
        ({"keep": 3}, r"ended after \d+ of its 1442 train examples"),
        ({"splits": {"train": 0, "test": 355}}, "no examples in its train split"),
        ({"splits": {"train": 1442, "test": 0}}, "no examples in its test split"),
    ],
)
def test_nothing_wrong_is_prepared(loaded, tmp_path, wrong, part):
    loaded(**wrong)
    with refused("'digits'", part):
        preparing.write("digits", Features(), tmp_path / "prepared" / "digits")
    assert not list((tmp_path / "prepared").iterdir())


def given_data(x=None, y=None, test=None):
    """Digits given from Python, in memory, with something changed."""
    data = pipeline.prepare(registry.get("lenet5_digits"))
    split = Split(np.array(data.train.x[:64]) / np.float32(255), np.array(data.train.y[:64]))
    split = split._replace(**{k: v for k, v in (("x", x), ("y", y)) if v is not None})
    return Prepared("mine", split, test or split, data.classes, "")


def nan_in(place):
    x = np.zeros((64, 28, 28, 1), np.float32)
    x[place, 3, 3] = np.nan
    return x


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (lambda: given_data(x=nan_in(17)), "example 17 of its train split holds nan"),
        (lambda: given_data(y=np.full(64, 10)), "example 0 of its train split has the label 10"),
        (lambda: given_data(y=np.zeros(3, int)), "64 examples and 3 labels in its train split"),
        (
            lambda: given_data(test=Split(np.zeros((4, 9, 28, 1), np.float32), np.zeros(4, int))),
            r"example 0 of its test split has the shape \(9, 28, 1\)",
        ),
    ],
)
def test_arrays_from_python_are_checked_before_the_first_step(tmp_path, data, part):
    recipe = registry.get("lenet5_digits", batch_size=16)
    with refused("'mine'", part):
        fit.fit(recipe, pipeline.build(recipe, given_data()), data(), 0, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_first_image_of_another_size_is_named(tmp_path):
    for name, size in (
        ("a/1", (12, 10)),
        ("a/2", (12, 10)),
        ("b/1", (12, 10)),
        ("b/2", (7, 9)),
        ("b/3", (5, 5)),
    ):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(tmp_path / "in" / f"{name}.png")
    told = []
    preparing.write(
        f"folder:{tmp_path / 'in'}", Features(), tmp_path / "out", lambda stage, *_: told.append(stage)
    )
    assert told[0].startswith(
        f"{tmp_path / 'in' / 'b' / '2.png'} has 9×7 pixels, {tmp_path / 'in' / 'a' / '1.png'}"
    )
    assert "10×12: all are resized to 96×96" in told[0]
    sizes = {name: {file: (12, 10) for file in files} for name, files in {"a": "12", "b": "3"}.items()}
    assert folders._mixed({"train": sizes}) == ""
