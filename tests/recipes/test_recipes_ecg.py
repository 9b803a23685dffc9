"""Heartbeats: read from every format they are published in, split, and what is said when they are missing."""

import pathlib

import numpy as np
import pytest

from recipes.data import ecg5000, places, prepared
from recipes.errors import RecipeError
from recipes.recipe import Features

COUNT = 60


@pytest.fixture
def beats():
    """`(x, classes)`: made-up beats of the published kind, and their classes 1 to 5."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(COUNT, 140)).astype(np.float32), np.arange(COUNT) % 5 + 1


def line_of(style, beat, kind):
    numbers = [f"{value:.9e}" for value in beat]
    return {
        ".txt": "  ".join([f"{kind:.7e}", *numbers]),
        ".tsv": "\t".join([str(kind), *numbers]),
        ".ts": ",".join(numbers) + f":{kind}",
        "": ",".join([str(kind), *numbers]),
    }[style]


def publish(folder, style, x, classes):
    """Two files as the archive has them: the first fifth to train on, the rest to test on."""
    folder.mkdir(parents=True)
    head = "# beats\n@problemName ECG5000\n@data\n" if style == ".ts" else ""
    for part, rows in (("TRAIN", slice(0, COUNT // 5)), ("TEST", slice(COUNT // 5, None))):
        lines = [line_of(style, *pair) for pair in zip(x[rows], classes[rows], strict=True)]
        (folder / f"ECG5000_{part}{style}").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("style", [".txt", ".tsv", ".ts", ""])
@pytest.mark.parametrize("below", ["", "ECG5000"])
def test_published_files(tmp_path, beats, style, below):
    publish(tmp_path / "ecg5000" / below, style, *beats)
    x, abnormal = ecg5000.read(tmp_path / "ecg5000")
    np.testing.assert_array_equal(x, beats[0])
    np.testing.assert_array_equal(abnormal, beats[1] != 1)


def test_arrays(tmp_path, beats):
    np.savez(tmp_path / "ecg5000.npz", x=beats[0], anomaly=beats[1] != 1)
    x, abnormal = ecg5000.read(tmp_path)
    np.testing.assert_array_equal(x, beats[0])
    np.testing.assert_array_equal(abnormal, beats[1] != 1)


@pytest.fixture
def manual(tmp_path, monkeypatch):
    """A machine with an empty manual folder of its own."""
    monkeypatch.setenv("EDGEZOO_MANUAL_DIR", str(tmp_path / "manual"))
    monkeypatch.setenv("EDGEZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    return tmp_path / "manual"


def test_every_fifth_beat_of_each_kind_is_tested_on(manual, beats):
    publish(manual / "ecg5000", ".txt", *beats)
    data = prepared.prepare("ecg5000", Features(left_out="abnormal"))
    assert data.classes == ("normal", "abnormal") and data.shape == (140, 1)
    assert data.train.x.dtype == np.float32
    x, abnormal = beats[0], beats[1] != 1
    test = np.zeros(COUNT, bool)
    for kind in (False, True):
        test[np.flatnonzero(abnormal == kind)[4::5]] = True
    for split, chosen in ((data.train, ~test), (data.test, test)):
        found = {beat.tobytes(): label for beat, label in zip(split.x[..., 0], split.y, strict=True)}
        assert found == {x[i].tobytes(): abnormal[i] for i in np.flatnonzero(chosen)}
    again = prepared.prepare("ecg5000", Features())
    assert again.train.x.filename == data.train.x.filename


def refused(*parts, features=None):
    with pytest.raises(RecipeError) as raised:
        prepared.prepare("ecg5000", features or Features())
    for part in parts:
        assert str(part) in str(raised.value), raised.value


def test_no_manual_folder(manual):
    refused("fetched by hand", manual, "ECG5000.zip", "timeseriesclassification.com", "EDGEZOO_MANUAL_DIR")


def test_manual_folder_without_the_files(manual):
    (manual / "other").mkdir(parents=True)
    refused(manual / "ecg5000", "ECG5000_TRAIN", "ECG5000.zip")


def test_one_of_two_files(manual, beats):
    publish(manual / "ecg5000", ".txt", *beats)
    (manual / "ecg5000" / "ECG5000_TEST.txt").unlink()
    refused(manual / "ecg5000", "ECG5000_TRAIN and ECG5000_TEST")


@pytest.mark.parametrize("text", ["1 2 3\n", "", "one two\n", "1 2 3\n1 2\n"])
def test_damaged_file(manual, beats, text):
    publish(manual / "ecg5000", ".txt", *beats)
    (manual / "ecg5000" / "ECG5000_TEST.txt").write_text(text, encoding="utf-8")
    refused(manual / "ecg5000" / "ECG5000_TEST.txt")


@pytest.mark.parametrize("damage", ["shape", "name", "text"])
def test_damaged_arrays(manual, beats, damage):
    manual.mkdir()
    (manual / "ecg5000").mkdir()
    file = manual / "ecg5000" / "ecg5000.npz"
    if damage == "text":
        file.write_text("no archive")
    else:
        x = beats[0][:, :100] if damage == "shape" else beats[0]
        np.savez(file, **{"x": x, "anomalies" if damage == "name" else "anomaly": beats[1] != 1})
    refused(file)


@pytest.mark.parametrize(
    ("value", "said"), [({"image_size": (8, 8)}, "image_size"), ({"front_end": "mfcc"}, "front_end")]
)
def test_signals_are_no_images(manual, beats, value, said):
    publish(manual / "ecg5000", ".txt", *beats)
    refused(f"features.{said}", "holds signals", features=Features(**value))


def test_where_the_manual_folder_is(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEZOO_MANUAL_DIR", str(tmp_path / "manual"))
    assert places.manual_folder() == tmp_path / "manual"
    monkeypatch.delenv("EDGEZOO_MANUAL_DIR")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    assert places.manual_folder() == tmp_path / "sets" / "downloads" / "manual"
    monkeypatch.delenv("TFDS_DATA_DIR")
    default = pathlib.Path("~/tensorflow_datasets/downloads/manual").expanduser()
    assert places.manual_folder() == default


def test_the_real_beats():
    folder = places.manual_folder() / "ecg5000"
    if not folder.is_dir():
        pytest.skip(
            "the data set ecg5000 is not here: point EDGEZOO_MANUAL_DIR at a folder with a subfolder ecg5000"
        )
    x, abnormal = ecg5000.read(folder)
    assert x.shape == (5000, 140) and np.bincount(abnormal).tolist() == [2919, 2081]
    np.testing.assert_allclose(x.mean(1), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(1, ddof=1), 1, atol=1e-4)
