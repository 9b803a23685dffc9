"""Checkpoints that were damaged: every one is noticed, and the one before it is used."""

import shutil
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes import pipeline, registry
from recipes.training import checkpoints, fit

VALUES = [np.arange(6, dtype=np.float32).reshape(2, 3), np.uint32(7)]


class Holder:
    """What `restore` needs of a variable."""

    def __init__(self, value):
        self.value = np.zeros_like(value)
        self.shape = self.value.shape

    def assign(self, value):
        self.value = value


def restored(folder):
    """`(epoch, history, values, warnings)` of what `restore` finds in a folder."""
    holders = [Holder(v) for v in VALUES]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        epoch, history = checkpoints.restore(folder, holders)
    return epoch, history, [h.value for h in holders], [str(w.message) for w in caught]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with two checkpoints, whose values differ by one."""
    folder = tmp_path_factory.mktemp("saved")
    checkpoints.save(folder, 1, VALUES, [{"epoch": 1}])
    checkpoints.save(folder, 2, [v + 1 for v in VALUES], [{"epoch": 1}, {"epoch": 2}])
    return folder


def assert_restored(folder):
    """The newest checkpoint exactly, or the one before it with a warning."""
    epoch, history, values, said = restored(folder)
    assert [row["epoch"] for row in history] == list(range(1, epoch + 1))
    for value, expected in zip(values, VALUES, strict=True):
        np.testing.assert_array_equal(value, expected + (epoch - 1))
    if epoch == 2:
        assert not said
    else:
        assert epoch == 1
        assert len(said) == 1 and "epoch_0002.npz is damaged" in said[0]
    return epoch


def test_a_flipped_bit_anywhere_is_noticed_or_changes_nothing(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "copy")
    file = folder / "epoch_0002.npz"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    epochs = []
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        epochs.append(assert_restored(folder))
    begin = whole.index(VALUES[0].__add__(1).tobytes())
    assert set(epochs[begin : begin + VALUES[0].nbytes]) == {1}
    assert epochs.count(2) <= len(checkpoints._SEAL)  # as a file of before there were digests


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_file_cut_short_is_noticed(saved, tmp_path_factory, data):
    folder = shutil.copytree(saved, tmp_path_factory.mktemp("cut") / "copy")
    whole = (folder / "epoch_0002.npz").read_bytes()
    archive = whole.index(checkpoints._SEAL)
    length = data.draw(st.integers(0, len(whole) - 1))
    (folder / "epoch_0002.npz").write_bytes(whole[:length])
    assert assert_restored(folder) == (1 if length < archive else 2)  # only its digest was cut


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400))
def test_a_file_of_anything_else_is_noticed(saved, tmp_path_factory, content):
    folder = shutil.copytree(saved, tmp_path_factory.mktemp("other") / "copy")
    (folder / "epoch_0002.npz").write_bytes(content)
    assert assert_restored(folder) == 1


def test_a_checkpoint_of_before_there_were_digests_is_read(tmp_path):
    with open(tmp_path / "epoch_0003.npz", "wb") as file:
        np.savez(file, history='[{"epoch": 3}]', v0000=VALUES[0], v0001=VALUES[1])
    epoch, history, values, said = restored(tmp_path)
    assert (epoch, history, said) == (3, [{"epoch": 3}], [])
    np.testing.assert_array_equal(values[0], VALUES[0])


def test_all_of_them_damaged_is_a_start_from_the_beginning(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "copy")
    for file in folder.iterdir():
        file.write_bytes(b"")
    epoch, history, values, said = restored(folder)
    assert (epoch, history) == (0, [])
    assert all((v == 0).all() for v in values)
    assert len(said) == 2


def test_another_models_checkpoint_is_left_alone(tmp_path):
    checkpoints.save(tmp_path, 1, VALUES, [{"epoch": 1}])
    checkpoints.save(tmp_path, 2, [*VALUES, VALUES[0]], [{"epoch": 2}])
    checkpoints.save(tmp_path, 3, [VALUES[0].T, VALUES[1]], [{"epoch": 3}])
    epoch, _, values, said = restored(tmp_path)
    assert epoch == 1
    np.testing.assert_array_equal(values[0], VALUES[0])
    assert ["belongs to another model" in text for text in said] == [True, True]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_run_whose_newest_checkpoint_is_damaged_comes_to_the_same_end(tmp_path):
    values = {"epochs": 3, "batch_size": 256, "augmentation.translation": (0, 0)}
    recipe = registry.get("lenet5_digits", **values)
    data = pipeline.prepare(recipe)

    def learnt(folder, until=None):
        import keras

        keras.utils.set_random_seed(0)
        model = pipeline.build(recipe, data)
        return fit.fit(recipe, model, data, 0, folder, until=until), model.get_weights()

    history, weights = learnt(tmp_path / "through")
    learnt(tmp_path / "hit", until=2)
    file = tmp_path / "hit" / "checkpoints" / "epoch_0002.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    with pytest.warns(UserWarning, match="epoch_0002.npz is damaged"):
        again, resumed = learnt(tmp_path / "hit")
    assert again == history
    for one, other in zip(resumed, weights, strict=True):
        np.testing.assert_array_equal(one, other)
