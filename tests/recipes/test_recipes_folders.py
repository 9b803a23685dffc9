"""A user's own folder of images as a data set."""

import os

import numpy as np
import pytest
from PIL import Image

from recipes import pipeline, registry
from recipes.data import prepared
from recipes.errors import RecipeError
from recipes.recipe import Features

COLOURS = {"blue": (10, 20, 200), "green": (20, 200, 30), "red": (220, 10, 10)}


def draw(folder, classes=("blue", "green", "red"), count=6, size=lambda i: (12, 10)):
    """Pictures in one colour a class, with a little noise; `size(i)` is `(width, height)`."""
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            width, height = size(i)
            pixels = np.clip(np.array(COLOURS[name]) + rng.integers(-5, 6, (height, width, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")
    return folder


def prepare(folder, **features):
    return prepared.prepare(f"folder:{folder}", Features(**features))


def colours(split, classes):
    """The mean colour of each class's images."""
    return {name: split.x[split.y == i].mean((0, 1, 2)) for i, name in enumerate(classes)}


def test_classes_of_images_of_one_split(tmp_path):
    data = prepare(draw(tmp_path / "pictures"), image_size=(10, 12))
    assert data.classes == ("blue", "green", "red")
    assert data.shape == (10, 12, 3)
    assert (len(data.train.y), len(data.test.y)) == (14, 4)  # a fifth of 18 is tested on
    for name, colour in colours(data.train, data.classes).items():
        assert np.abs(colour - COLOURS[name]).max() < 6
    everything = np.concatenate([data.train.x, data.test.x]).reshape(18, -1)
    assert len(np.unique(everything, axis=0)) == 18


def test_images_of_different_sizes_are_resized(tmp_path):
    data = prepare(draw(tmp_path / "pictures", size=lambda i: (8 + 3 * i, 20 - i)))
    assert data.shape == (96, 96, 3)
    for name, colour in colours(data.train, data.classes).items():
        assert np.abs(colour - COLOURS[name]).max() < 6


def test_train_and_test_folders_are_the_splits(tmp_path):
    draw(tmp_path / "pictures" / "train", count=5)
    draw(tmp_path / "pictures" / "test", classes=("blue", "red"), count=2)
    draw(tmp_path / "pictures" / "other", count=1)
    data = prepare(tmp_path / "pictures")
    assert np.bincount(data.train.y).tolist() == [5, 5, 5]
    assert np.bincount(data.test.y).tolist() == [2, 0, 2]


def test_a_class_may_be_called_train(tmp_path):
    draw(tmp_path / "pictures", classes=("blue", "red"))
    os.rename(tmp_path / "pictures" / "blue", tmp_path / "pictures" / "train")
    assert prepare(tmp_path / "pictures").classes == ("red", "train")


def test_a_changed_folder_is_prepared_anew(tmp_path):
    folder = draw(tmp_path / "pictures")
    assert len(prepare(folder).train.y) == 14
    Image.new("RGB", (12, 10)).save(folder / "red" / "black.png")
    data = prepare(folder)
    assert len(data.train.y) + len(data.test.y) == 19


def test_recipe_runs_unchanged_on_a_folder(tmp_path, monkeypatch):
    draw(tmp_path / "pictures", count=8)
    monkeypatch.chdir(tmp_path)
    chosen = registry.get("lenet5_digits", data="folder:pictures", epochs=1, batch_size=8)
    run = pipeline.start(chosen, tmp_path / "run")
    assert run.recipe.data == f"folder:{tmp_path / 'pictures'}"
    monkeypatch.chdir("/")
    pipeline.train(run)
    assert (run.path / "labels.txt").read_text().split() == ["blue", "green", "red"]
    assert run.model().input_shape == (None, 28, 28, 3)
    assert 0 <= pipeline.evaluate(run)["test"]["accuracy"] <= 1


def refused(folder, *parts):
    with pytest.raises(RecipeError) as raised:
        prepare(folder)
    for part in parts:
        assert str(part) in str(raised.value)


def test_one_class(tmp_path):
    refused(draw(tmp_path / "pictures", classes=("red",)), tmp_path / "pictures", "only the class 'red'")


def test_no_class(tmp_path):
    refused(tmp_path, tmp_path, "no subfolder")


def test_empty_class(tmp_path):
    folder = draw(tmp_path / "pictures")
    (folder / "yellow").mkdir()
    refused(folder, "class 'yellow'", "no image")


def test_class_that_is_in_the_test_folder_only(tmp_path):
    draw(tmp_path / "train", classes=("blue", "red"))
    draw(tmp_path / "test", classes=("blue", "green"))
    refused(tmp_path, "'green'", tmp_path / "test")


@pytest.mark.parametrize("damage", ["text", "truncated", "empty", "gif"])
def test_image_that_is_none(tmp_path, damage):
    folder = draw(tmp_path / "pictures")
    file = folder / "red" / "3.png"
    if damage == "gif":
        Image.new("L", (4, 4)).save(file, format="gif")
    else:
        content = file.read_bytes()
        file.write_bytes(
            {"text": b"no picture", "truncated": content[: len(content) // 2], "empty": b""}[damage]
        )
    refused(folder, file)


@pytest.mark.parametrize("path", ["", "nowhere", "file"])
def test_path_that_is_no_folder(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    refused(path, f"folder:{path}", "is not a folder")
