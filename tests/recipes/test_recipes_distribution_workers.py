"""Real workers on the loopback: what they learn together, who writes, and what happens when one is lost."""

import contextlib
import inspect
import itertools
import json
import pathlib
import re
import signal
import socket
import threading
import time
import zlib

import numpy as np
import pytest

from recipes import pipeline, registry, rundir, tasks
from recipes.data import feeding
from recipes.errors import TrainingError
from recipes.training.distribution import meeting

VALUES = {
    "epochs": 2,
    "batch_size": 128,
    "augmentation.translation": (0, 0),
    "optimizer.clip_norm": 0.5,
    "engine.accumulation": 2,
    "engine.ema": 0.9,
    "diagnostics.every": 5,
    "distillation.teacher": "quick_digits",
}


def quick_digits():
    """A teacher that is trained first, over the same workers."""
    return registry.get("lenet5_digits", epochs=1, batch_size=128, **{"augmentation.translation": (0, 0)})


TEACHER = f"""
from recipes import registry

{inspect.getsource(quick_digits)}
registry.recipe(quick_digits)
"""

# Trains, and writes down beside the run which images it was fed and which weights it ended with.
PROGRAM = """
import json, pathlib, sys, zlib
import numpy as np
from recipes import pipeline
from recipes.data import feeding
from recipes.training import distribution

values, out = json.loads(sys.argv[1]), pathlib.Path(sys.argv[2])
taken = distribution.take("multiworker")
fed, own = {}, feeding.Batches.__getitem__

def seen(self, i):
    x, y = own(self, i)
    split = "validation" if self.seed is None else f"epoch {self.epoch}"
    fed[f"{split}, batch {i}"] = [zlib.crc32(image.tobytes()) for image in x]
    return x, y

feeding.Batches.__getitem__ = seen
run = taken.shared(lambda: pipeline.start(registry.get("lenet5_digits", **values), out / "run"))
pipeline.train(run, strategy="multiworker")
index = taken.cluster.index
(out / f"worker{index}.json").write_text(json.dumps({"fed": fed, "path": str(run.path), "history": run.history()}))
np.savez(out / f"worker{index}.npz", *[np.asarray(w) for w in run.model().weights])
taken.finish()
"""


def free_ports(count):
    """Ports that nothing listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


def environments(count):
    """`TF_CONFIG` of each of `count` workers."""
    workers = [f"localhost:{port}" for port in free_ports(count)]
    return [
        {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}})}
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same recipe, trained by this process alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._RECIPES, "quick_digits", quick_digits)
        run = pipeline.start(
            registry.get("lenet5_digits", **VALUES), tmp_path_factory.mktemp("alone") / "run"
        )
        pipeline.train(run, strategy="cpu")
    return run


@pytest.fixture(scope="module")
def three(tmp_path_factory, process):
    """What three workers wrote; they share batches of 128 as 42, 43 and 43."""
    folder = tmp_path_factory.mktemp("three")
    children = [
        process(
            json.dumps(VALUES), folder, command=("-c", TEACHER + PROGRAM), **place, CUDA_VISIBLE_DEVICES=""
        )
        for place in environments(3)
    ]
    for child in children:
        _, err = child.communicate(timeout=600)
        assert child.returncode == 0, err
    return folder, [json.loads((folder / f"worker{i}.json").read_text()) for i in range(3)]


def test_workers_end_with_the_same_weights(three):
    folder, _ = three
    first, *others = [list(np.load(folder / f"worker{i}.npz").values()) for i in range(3)]
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_workers_learn_what_one_process_learns(three, alone):
    """The validation loss is that of the whole split, though each worker saw a part."""
    folder, told = three
    for worker in told:
        for row, expected in zip(worker["history"], alone.history(), strict=True):
            assert row == pytest.approx(expected, rel=1e-4, abs=1e-6)
    for a, b in zip(rundir.open_run(folder / "run").model().weights, alone.model().weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_each_example_goes_to_one_worker(three, alone):
    _, told = three
    context, size = tasks.Context(alone.recipe, pipeline.prepare(alone.recipe)), VALUES["batch_size"]
    parts = [worker["fed"] for worker in told]
    assert parts[0].keys() == parts[1].keys() == parts[2].keys()
    batches = {"validation": feeding.Batches(context.validation, 256)}
    for name in parts[0]:
        order, _, i = name.partition(", batch ")
        if order not in batches:
            epoch = int(order.removeprefix("epoch "))
            batches[order] = feeding.Batches(context.train, size, shuffle=0, epoch=epoch)
        assert all(part[name] for part in parts)
        images, _ = batches[order][int(i)]
        assert list(itertools.chain(*(part[name] for part in parts))) == [
            zlib.crc32(x.tobytes()) for x in images
        ]
    assert len(parts[0]) >= VALUES["epochs"] * (context.train.size // size)


def test_chief_alone_writes(three):
    folder, (chief, *others) = three
    assert chief["path"] == str(folder / "run")
    for other in others:
        assert not pathlib.Path(other["path"]).exists()  # its own folder, gone with it
        assert folder not in pathlib.Path(other["path"]).parents
    names = {path.name for path in (folder / "run").iterdir()}
    assert names == {
        "recipe.json",
        "environment.json",
        "history.csv",
        "labels.txt",
        "checkpoints",
        "diagnostics.csv",
        "diagnostics.json",
        "plots",
        "tensorboard",
        "model.keras",
    }
    assert rundir.open_run(folder / "quick_digits-seed0").trained


def test_killed_worker_that_is_started_again(tmp_path, process, edgezoo):
    """The other one begins its command again by itself; together they end as if nothing had happened."""
    settings = {"epochs": 4, "batch_size": 8, "augmentation.translation": "0,0"}
    command = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = ["train", "lenet5_digits", "--out", tmp_path / "run", "--strategy", "multiworker", *command]
    places = [{**place, "CUDA_VISIBLE_DEVICES": ""} for place in environments(2)]
    chief, lost = (process(*command, **place) for place in places)
    wait_for(tmp_path / "run" / "checkpoints" / "epoch_0001.npz", chief, lost)
    lost.send_signal(signal.SIGKILL)
    lost.wait()
    before = len(rundir.open_run(tmp_path / "run").history())
    again = process(*command, **places[1])
    (_, told), (_, err) = chief.communicate(timeout=600), again.communicate(timeout=60)
    assert chief.returncode == 0 and again.returncode == 0, (told, err)
    epochs = [int(epoch) for epoch in re.findall(r"^epoch (\d)/4", told, re.MULTILINE)]
    assert "another worker was lost" in told and sorted(set(epochs)) == [1, 2, 3, 4]
    assert len(epochs) - 4 <= 1 and before < 4  # at most one epoch was trained twice
    straight = tmp_path / "straight"
    single = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    assert edgezoo("train", "lenet5_digits", "--out", straight, *single).code == 0
    for row, expected in zip(
        rundir.open_run(tmp_path / "run").history(), rundir.open_run(straight).history(), strict=True
    ):
        assert row == pytest.approx(expected, rel=0.02, abs=1e-3)


def wait_for(file, *children, seconds=300):
    end = time.monotonic() + seconds
    while not file.exists():
        assert all(child.poll() is None for child in children), [child.communicate() for child in children]
        assert time.monotonic() < end, f"{file} did not appear"
        time.sleep(0.02)


def meet(addresses, index, found):
    """What `meeting.meet` gave or raised, put into `found`."""
    try:
        found[index] = meeting.meet(addresses, index)
    except TrainingError as error:
        found[index] = error


def met(addresses, indices, wait, monkeypatch):
    monkeypatch.setenv("EDGEZOO_WAIT", str(wait))
    found = {}
    threads = [threading.Thread(target=meet, args=(addresses, i, found)) for i in indices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_worker_that_never_comes_is_named(monkeypatch):
    addresses = [f"localhost:{port}" for port in free_ports(3)]
    found = met(addresses, (0, 2), 1.5, monkeypatch)
    for index in (0, 2):
        assert f"worker 1 ({addresses[1]}) did not come within 1.5 s" in str(found[index])


def test_chief_that_never_comes_is_named(monkeypatch):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    (error,) = met(addresses, (1,), 1.0, monkeypatch).values()
    assert f"the chief, did not answer at {addresses[0]} within 1 s" in str(error)


def test_workers_meet_though_others_knock(monkeypatch):
    """A stranger, and a worker that has gone before all were there: neither is counted."""
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    monkeypatch.setenv("EDGEZOO_WAIT", "30")
    found = {}
    chief = threading.Thread(target=meet, args=(addresses, 0, found))
    chief.start()
    for greeting in (b"GET / HTTP/1.1\r\n\r\n", None):
        stranger = connected(addresses[0])
        if greeting:
            stranger.sendall(greeting)
        else:
            meeting.send(stranger, json.dumps({"worker": 1, "of": 2}).encode())
        stranger.close()
    meet(addresses, 1, found)
    chief.join(60)
    meeting.send(found[0][0], b"handed over")
    assert meeting.receive(found[1][0]) == b"handed over"
    threading.Thread(target=meeting.part, args=(found[1],)).start()
    meeting.part(found[0])


def test_process_that_is_deaf_to_python_ends_with_a_reason(process):
    """As in a handshake of TensorFlow that another worker left: the call holds Python's lock, and stays."""
    code = (
        "import ctypes; from recipes.training.distribution.deafness import bounded\n"
        "with bounded(60, 'too soon'): pass\n"
        "with bounded(1, 'nobody came'): ctypes.PyDLL(None).sleep(120)"
    )
    child = process(command=("-c", code))
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (1, "", "error: nobody came\n")


def connected(address):
    host, _, port = address.rpartition(":")
    for _ in range(100):
        with contextlib.suppress(OSError):
            return socket.create_connection((host, int(port)), timeout=5)
        time.sleep(0.1)
    raise AssertionError(f"nothing listens at {address}")
