"""`edgezoo prepare`: decoded arrays in the cache and in a folder to carry."""

import json

import numpy as np
import pytest

from recipes.data import prepared
from recipes.errors import TrainingError
from recipes.recipe import Features


def test_a_data_set_is_prepared_once_and_carried(edgezoo, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEZOO_CACHE", str(tmp_path / "cache"))
    first = edgezoo("prepare", "digits", "--set", "features.image_size=12,10", "--json")
    assert first.code == 0, first.err
    said = json.loads(first.out)
    assert (said["data"], said["shape"], said["train"], said["test"]) == ("digits", [12, 10, 1], 1442, 355)
    (place,) = (tmp_path / "cache" / "prepared").iterdir()
    assert said["folder"] == str(place)
    assert said["bytes"] == sum(f.stat().st_size for f in place.iterdir())
    written = {f: f.stat().st_mtime_ns for f in place.iterdir()}
    second = edgezoo("prepare", "digits", "--set", "features.image_size=12,10", "--out", tmp_path / "carried")
    assert second.code == 0, second.err
    assert f"EDGEZOO_CACHE={tmp_path / 'carried'}" in second.err
    assert written == {f: f.stat().st_mtime_ns for f in place.iterdir()}
    there = tmp_path / "carried" / "prepared" / place.name
    assert {f.name: f.read_bytes() for f in there.iterdir()} == {
        f.name: f.read_bytes() for f in place.iterdir()
    }
    monkeypatch.setenv("EDGEZOO_CACHE", str(tmp_path / "carried"))
    data = prepared.prepare("digits", Features(image_size=(12, 10)))
    assert str(data.train.x.filename) == str(there / "train_x.npy")


def test_a_recipes_own_features_are_prepared(edgezoo):
    said = json.loads(edgezoo("prepare", "lenet5_digits", "--json").out)
    assert said["shape"] == [28, 28, 1]
    from recipes import registry

    assert said["folder"] == str(prepared.folder("digits", registry.get("lenet5_digits").features))


def test_a_copy_that_is_there_is_left_alone(tmp_path):
    data = prepared.prepare("digits", Features())
    copy = prepared.carry("digits", Features(), tmp_path)
    (copy / "about.json").write_text("changed")
    assert prepared.carry("digits", Features(), tmp_path) == copy
    assert (copy / "about.json").read_text() == "changed"
    np.testing.assert_array_equal(np.load(copy / "test_y.npy"), data.test.y)


def test_a_folder_that_cannot_be_written(tmp_path):
    prepared.prepare("digits", Features())
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="could not write the prepared data"):
        prepared.carry("digits", Features(), tmp_path / "file")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["minst"], ["'minst'", "'mnist'"]),
        (["digits", "--set", "features.image=3"], ["'features.image'", "'image_size'"]),
        (["digits", "--set", "features.front_end=mfcc"], ["front_end=mfcc", "images"]),
        ([], ["DATASET|RECIPE"]),
    ],
)
def test_what_cannot_be_prepared(edgezoo, arguments, parts):
    ended = edgezoo("prepare", *arguments)
    assert ended.code == 2
    for part in parts:
        assert part in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
