"""Data sets in arrays: what they hold, that they are prepared once and whole, what is said when one is missing."""

import os
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from recipes.data import prepared, preparing, reachable, tfds_sets
from recipes.errors import RecipeError, TrainingError
from recipes.recipe import Features


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    digits = load_digits()
    data = prepared.prepare("digits", Features())
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)
    test = np.zeros(len(pixels), bool)
    for label in range(10):  # every fifth digit of each class
        test[np.flatnonzero(digits.target == label)[4::5]] = True
    assert data.classes == tuple("0123456789")
    for split, chosen in ((data.train, ~test), (data.test, test)):
        np.testing.assert_array_equal(split.x[..., 0], pixels[chosen])
        np.testing.assert_array_equal(split.y, digits.target[chosen])
    assert (len(data.train.y), len(data.test.y)) == (1442, 355)
    assert data.shape == (8, 8, 1)


def test_resized_digits_are_interpolated_bilinearly():
    from PIL import Image

    small, large = (prepared.prepare("digits", Features(image_size=size)) for size in (None, (28, 28)))
    assert large.shape == (28, 28, 1)
    for i in (0, 700):
        resized = Image.fromarray(small.train.x[i, ..., 0]).resize((28, 28), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(resized, int) - large.train.x[i, ..., 0]).max() <= 1


def test_second_time_only_maps_the_arrays(cache):
    prepared.prepare("digits", Features())
    files = [f for f in (cache / "prepared").rglob("*") if f.is_file()]
    before = {f: f.stat().st_mtime_ns for f in files}
    code = (
        "import sys; from recipes.data.prepared import prepare; from recipes.recipe import Features;"
        "data = prepare('digits', Features());"
        "assert type(data.train.x).__name__ == 'memmap';"
        "assert not {'tensorflow', 'tensorflow_datasets', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert before == {f: f.stat().st_mtime_ns for f in files}


def test_a_kill_while_preparing_leaves_nothing_half_written(tmp_path):
    code = (
        "import os, signal; from recipes.data.prepared import prepare; from recipes.recipe import Features;"
        "prepare('digits', Features(image_size=(9, 9)), lambda s, done, total: os.kill(os.getpid(), signal.SIGKILL))"
    )
    env = {**os.environ, "EDGEZOO_CACHE": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", code], env=env, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    left = list((tmp_path / "prepared").iterdir())
    assert [f.name[:11] for f in left] == [".preparing-"]
    day_before = time.time() - 25 * 3600
    os.utime(left[0], (day_before, day_before))
    whole = tmp_path / "prepared" / "digits-whole"
    preparing.write("digits", Features(), whole)
    assert list((tmp_path / "prepared").iterdir()) == [whole]


def test_full_disk_while_preparing(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(TrainingError, match="No space left on device"):
        preparing.write("digits", Features(), tmp_path / "prepared" / "digits")
    assert not list((tmp_path / "prepared").iterdir())


@pytest.mark.parametrize("damage", ["about", "missing", "short", "empty"])
def test_damaged_prepared_set_is_named(tmp_path, damage):
    folder = tmp_path / "digits"
    preparing.write("digits", Features(), folder)
    x = folder / "train_x.npy"
    if damage == "about":
        (folder / "about.json").write_text("[1")
    elif damage == "missing":
        x.unlink()
    else:
        x.write_bytes(x.read_bytes()[: 1000 if damage == "short" else 0])
    with pytest.raises(RecipeError, match=f"{folder} are damaged"):
        prepared._open(folder, "digits")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """A machine without a network and without prepared sets."""

    def no_such_host(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    monkeypatch.setenv("EDGEZOO_CACHE", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    return tmp_path


def test_set_that_is_not_there_and_cannot_be_downloaded(offline):
    with pytest.raises(RecipeError) as raised:
        prepared.prepare("kmnist", Features())
    for part in (
        "'kmnist'",
        "Name or service not known",
        str(offline / "sets"),
        str(offline / "cache"),
        "tfds build kmnist",
    ):
        assert part in str(raised.value)
    assert not list((offline / "cache" / "prepared").iterdir())


def test_digits_need_no_network(offline):
    assert prepared.prepare("digits", Features()).train.y.shape == (1442,)


def test_a_host_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(1) or [])
    monkeypatch.setattr(reachable, "_SECONDS", 0.2)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    assert reachable.why_not(["https://example.org/file"]) == "example.org: no answer within 0.2 seconds"


def test_a_host_that_answers_is_reachable(monkeypatch):
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert reachable.why_not([f"http://127.0.0.1:{server.getsockname()[1]}/file"]) == ""


def test_behind_a_proxy_the_download_is_tried(monkeypatch):
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://proxy:3128"})
    assert reachable.why_not(["https://no.such.host.invalid/file"]) == ""


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("minst", ["no data set 'minst'", "'mnist'"]),
        ("mnist:9.9.9", ["'mnist:9.9.9'", "3.0.1"]),
        ("mnist/colour", ["'mnist/colour'", "colour"]),
        ("../mnist", ["'../mnist'"]),
        ("a b", ["'a b'"]),
        ("tiny_shakespeare", ["'tiny_shakespeare'", "features text", "`label`"]),
        ("celeb_a", ["'celeb_a'", "classification sets"]),
    ],
)
def test_name_that_cannot_be_used(offline, name, parts):
    with pytest.raises(RecipeError) as raised:
        prepared.prepare(name, Features())
    for part in parts:
        assert part in str(raised.value)
    assert "\n" not in str(raised.value)


def test_front_end_for_images_is_refused():
    with pytest.raises(RecipeError, match="front_end=mfcc is for audio; 'digits' holds images"):
        prepared.prepare("digits", Features(front_end="mfcc"))


def test_key_follows_what_changes_the_arrays():
    plain = prepared._key("digits", Features())
    assert prepared._key("digits", Features(binarize=True)) == plain
    assert prepared._key("digits", Features(image_size=(9, 9))) != plain
    assert prepared._key("mnist", Features()) != plain


def test_stratified_split_keeps_the_shares():
    y = np.random.default_rng(0).choice(5, 1000, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    rest, part = preparing.stratified(y, 0.1, seed=7)
    assert sorted([*rest, *part]) == list(range(1000))
    assert len(part) == 100
    assert np.abs(np.bincount(y[part]) - np.bincount(y) / 10).max() <= 1
    again = preparing.stratified(y, 0.1, seed=7)
    np.testing.assert_array_equal(part, again[1])
    assert set(part) != set(preparing.stratified(y, 0.1, seed=8)[1])


@pytest.mark.parametrize("y", [[0, 1], [0, 0, 1, 1], [0, 0, 0, 1], list(range(10)), [0, 1] * 5])
def test_small_sets_are_split_too(y):
    rest, part = preparing.stratified(y, 0.1, seed=0)
    assert sorted([*rest, *part]) == list(range(len(y)))
    assert len(part) == 1


def test_one_example_cannot_be_split():
    with pytest.raises(RecipeError, match="1 example"):
        preparing.stratified([0], 0.1, seed=0)


def test_real_set_is_read_as_tfds_gives_it(real_data):
    real_data("mnist")
    import tensorflow_datasets as tfds

    data = prepared.prepare("mnist", Features())
    assert (data.train.x.shape, data.test.x.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    config = tfds.ReadConfig(interleave_cycle_length=1)
    stream = tfds.as_numpy(tfds.load("mnist", split="test", download=False, read_config=config))
    for i, example in zip(range(300), stream, strict=False):
        np.testing.assert_array_equal(data.test.x[i], example["image"])
        assert data.test.y[i] == example["label"]


def test_loaded_set_says_what_it_is(real_data):
    real_data("cifar10")
    loaded = tfds_sets.load("cifar10")
    assert (loaded.kind, loaded.size, loaded.channels) == ("image", (32, 32), 3)
    assert loaded.splits == {"train": 50_000, "test": 10_000}
    assert loaded.classes[:2] == ["airplane", "automobile"]


def test_progress_is_told(tmp_path):
    told = []
    preparing.write("digits", Features(), tmp_path / "digits", lambda *step: told.append(step))
    assert told[-1] == ("preparing digits (test)", 355, 355)
    shutil.rmtree(tmp_path / "digits")
