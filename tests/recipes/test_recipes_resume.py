"""A run that was killed goes on as if it had run through; a run that was interrupted says how."""

import csv
import signal
import time
import warnings

import numpy as np
import pytest

from recipes import pipeline, registry, rundir
from recipes.training import checkpoints

# Dropout, batch normalisation and augmentation: everything random or moving there is to restore.
VALUES = {"model": "lenet5_modern", "arguments.dropout": 0.2, "batch_size": 8, "epochs": 4}
SETTINGS = [part for key, value in VALUES.items() for part in ("--set", f"{key}={value}")]


def wait_for(file, child, seconds=240):
    """Wait until `file` is there, while the process lives."""
    end = time.monotonic() + seconds
    while not file.exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end, f"{file} did not appear"
        time.sleep(0.02)


def weights(path):
    return [np.asarray(w) for w in rundir.open_run(path).model().weights]


@pytest.fixture(scope="module")
def through(tmp_path_factory):
    """A run that nothing disturbed."""
    run = pipeline.start(registry.get("lenet5_digits", **VALUES), tmp_path_factory.mktemp("through"))
    pipeline.train(run)
    return run


@pytest.fixture(scope="module")
def killed(tmp_path_factory, process):
    """The directory of a process that was killed in the middle of its second or third epoch."""
    path = tmp_path_factory.mktemp("killed") / "run"
    child = process("train", "lenet5_digits", "--out", path, *SETTINGS)
    wait_for(path / "checkpoints" / "epoch_0001.npz", child)
    time.sleep(0.3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL
    return path


def test_killed_run_resumes_to_the_same_end(through, killed, edgezoo):
    with open(killed / "history.csv", newline="") as lines:
        done = len(list(csv.DictReader(lines)))
    assert 1 <= done < VALUES["epochs"]
    assert not (killed / "model.keras").exists()
    ended = edgezoo("train", "--resume", killed)
    assert ended.code == 0, ended.err
    assert (killed / "history.csv").read_text() == (through.path / "history.csv").read_text()
    for resumed, straight in zip(weights(killed), weights(through.path), strict=True):
        np.testing.assert_array_equal(resumed, straight)
    assert pipeline.evaluate(rundir.open_run(killed)) == pipeline.evaluate(through)


def test_interrupted_run_names_its_directory_and_goes_on(through, tmp_path, process, edgezoo):
    path = tmp_path / "interrupted"
    child = process("train", "lenet5_digits", "--out", path, *SETTINGS)
    wait_for(path / "checkpoints" / "epoch_0001.npz", child)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert f"edgezoo train --resume {path}" in err
    assert "Traceback" not in err
    assert edgezoo("train", "--resume", path).code == 0
    assert (path / "history.csv").read_text() == (through.path / "history.csv").read_text()


def test_run_without_a_finished_epoch_resumes(tmp_path, edgezoo):
    values = {**VALUES, "batch_size": 256, "epochs": 1}
    run = pipeline.start(registry.get("lenet5_digits", **values), tmp_path / "fresh")
    ended = edgezoo("train", "--resume", run.path)
    assert ended.code == 0, ended.err
    assert len(run.history()) == 1


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_damaged_newest_checkpoint_is_skipped(through, tmp_path, damage):
    folder = tmp_path / "checkpoints"
    values = [np.arange(5, dtype=np.float32), np.float32(1)]
    checkpoints.save(folder, 1, values, [{"epoch": 1}])
    checkpoints.save(folder, 2, [v + 1 for v in values], [{"epoch": 1}, {"epoch": 2}])
    newest = folder / "epoch_0002.npz"
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[content.index(np.float32(5).tobytes())] ^= 0xFF
    newest.write_bytes(
        {"truncated": content[: len(content) // 2], "flipped": content, "empty": b"", "text": b"no"}[damage]
    )
    restored = [Holder(v) for v in values]
    with pytest.warns(UserWarning, match="epoch_0002.npz is damaged"):
        epoch, history = checkpoints.restore(folder, restored)
    assert (epoch, history) == (1, [{"epoch": 1}])
    np.testing.assert_array_equal(restored[0].value, values[0])


def test_three_newest_checkpoints_are_kept(tmp_path):
    for epoch in range(1, 6):
        checkpoints.save(tmp_path, epoch, [np.zeros(2)], [])
    assert sorted(f.name for f in tmp_path.iterdir()) == [f"epoch_000{i}.npz" for i in (3, 4, 5)]


def test_what_a_killed_write_left_is_removed(tmp_path):
    checkpoints.save(tmp_path, 1, [np.zeros(2)], [])
    (tmp_path / ".epoch_0002-abc.npz").write_bytes(b"half")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoints.restore(tmp_path, [Holder(np.zeros(2))])[0] == 1
    assert [f.name for f in tmp_path.iterdir()] == ["epoch_0001.npz"]


class Holder:
    """What `restore` needs of a variable."""

    def __init__(self, value):
        self.value = value

    @property
    def shape(self):
        return self.value.shape

    def assign(self, value):
        self.value = value
