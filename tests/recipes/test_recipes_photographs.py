"""Photographs from a manual folder: which squares become examples, and what is said where files are missing."""

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from recipes.data import photographs, prepared
from recipes.errors import RecipeError
from recipes.recipe import Features


def write(folder, sizes):
    """A PNG of noise of each `(width, height)`; gives the arrays `(h, w)` in the order of the names."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(sizes))
    pictures = [rng.integers(0, 256, (height, width), np.uint8) for width, height in sizes]
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"test{i:03}.png")
    return pictures


@pytest.fixture
def manual(tmp_path, monkeypatch):
    """An empty manual folder, and no prepared sets."""
    for name in ("EDGEZOO_MANUAL_DIR", "TFDS_DATA_DIR", "EDGEZOO_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "EDGEZOO_MANUAL_DIR").mkdir()
    return tmp_path / "EDGEZOO_MANUAL_DIR"


def test_squares_of_the_published_pictures(manual):
    learnt = write(manual / "photographs" / "Train400", [(180, 180)] * 3)
    tested = write(manual / "photographs" / "DnCNN" / "testsets" / "BSD68", [(481, 321), (321, 481)])
    data = prepared.prepare("photographs", Features())
    assert data.shape == (160, 160, 1) and data.train.x.dtype == np.uint8
    assert data.classes == ("photograph",) and not data.train.y.any() and not data.test.y.any()
    np.testing.assert_array_equal(data.train.x[..., 0], [x[10:170, 10:170] for x in learnt])
    wide, tall = tested
    expected = [wide[y : y + 160, x : x + 160] for y in (0, 160) for x in (0, 160, 320)]
    expected += [tall[y : y + 160, x : x + 160] for y in (0, 160, 320) for x in (0, 160)]
    np.testing.assert_array_equal(data.test.x[..., 0], expected)


def test_folders_are_found_below_the_set_or_in_any_subfolder(tmp_path):
    write(tmp_path / "pictures" / "BSD68", [(160, 160)])
    assert photographs.find(tmp_path, "BSD68") == tmp_path / "pictures" / "BSD68"
    (tmp_path / "photographs" / "BSD68").mkdir(parents=True)  # without pictures
    assert photographs.find(tmp_path, "BSD68") == tmp_path / "pictures" / "BSD68"
    write(tmp_path / "photographs" / "deeper" / "BSD68", [(160, 160)])
    assert photographs.find(tmp_path, "BSD68") == tmp_path / "photographs" / "deeper" / "BSD68"


@pytest.mark.parametrize("there", ["nothing", "another set", "half"])
def test_missing_pictures_are_named_with_the_remedy(manual, there):
    if there == "another set":
        (manual / "ecg5000").mkdir()
    if there == "half":
        write(manual / "photographs" / "Train400", [(180, 180)])
    with pytest.raises(RecipeError) as raised:
        prepared.prepare("photographs", Features())
    message = str(raised.value)
    assert str(manual) in message
    assert "https://github.com/cszn/DnCNN" in message and "Train400" in message
    if there == "half":
        assert "no folder BSD68" in message


@pytest.mark.parametrize(("size", "said"), [((180, 159), "180×159 pixels"), (None, "cannot be read")])
def test_a_picture_that_is_of_no_use(manual, size, said):
    write(manual / "photographs" / "BSD68", [(160, 160)])
    write(manual / "photographs" / "Train400", [(180, 180), size or (180, 180)])
    file = manual / "photographs" / "Train400" / "test001.png"
    if size is None:
        file.write_bytes(b"no picture")
    with pytest.raises(RecipeError, match=said) as raised:
        prepared.prepare("photographs", Features())
    assert str(file) in str(raised.value)


def test_coloured_pictures_become_grey(tmp_path):
    colour = np.zeros((160, 170, 3), np.uint8)
    colour[..., 1] = 200
    Image.fromarray(colour).save(tmp_path / "green.png")
    image = photographs.read(tmp_path / "green.png")
    assert image.shape == (160, 170, 1) and (image == 117).all()  # 0.587 of 200, ITU-R 601


def test_the_published_set(tmp_path):
    """400 pictures to learn from, 68 × 6 tiles to test, none of which is learnt."""
    folder = os.environ.get("EDGEZOO_MANUAL_DIR")
    try:
        found = [photographs.find(pathlib.Path(folder or tmp_path), name) for name in ("Train400", "BSD68")]
    except RecipeError:
        pytest.skip("Train400 and BSD68 are not here: point EDGEZOO_MANUAL_DIR at a folder that holds them")
    learnt, tested = (sorted(folder.glob("*.png")) for folder in found)
    assert (len(learnt), len(tested)) == (400, 68)
    tiles = [tile for file in tested for tile in photographs.tiles(photographs.read(file))]
    assert len(tiles) == 6 * 68
    middles = {photographs.middle(photographs.read(file))[0].tobytes() for file in learnt}
    assert len(middles) == 400 and middles.isdisjoint({tile.tobytes() for tile in tiles})
