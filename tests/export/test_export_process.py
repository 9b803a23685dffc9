"""The converter process: kept warm, replaced after any accident, never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import keras
import numpy as np
import psutil
import pytest

import export
from export import process
from export.errors import WorkerDied
from export.unrolling import STEPS

L = keras.layers


@pytest.fixture
def worker():
    with process.Worker() as started:
        yield started


@pytest.fixture(scope="module")
def light_file(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("worker") / "model.tflite"
    path.write_bytes(classifier.files["float32"])
    return str(path)


def deep_model(chain):
    """Its conversion takes long enough to be interrupted."""
    convolutions = [L.Conv2D(8, 3, padding="same", activation="tanh") for _ in range(40)]
    return chain((16, 16, 8), *convolutions)


def when_converting(act):
    """Call `act(pid)` as soon as the shared worker runs a conversion."""

    def watch():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pid = process.shared.pid
            if pid and psutil.Process(pid).cpu_times().user > started_at + 0.1:
                return act(pid)
            time.sleep(0.01)

    pid = process.shared.pid
    started_at = psutil.Process(pid).cpu_times().user if pid else 0
    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def gone(pid, patience=30):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_one_process_serves_many_jobs(worker, light_file):
    pids = set()
    for _ in range(30):
        worker.call("run", file=light_file)
        pids.add(worker.pid)
    assert len(pids) == 1


def test_threads_may_share_it(worker, light_file):
    failures = []

    def use():
        try:
            for _ in range(10):
                worker.call("run", file=light_file)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_failed_job_is_no_accident(worker, light_file):
    worker.call("run", file=light_file)
    pid = worker.pid
    with pytest.raises(process.JobFailed):
        worker.call("run", file=light_file + ".missing")
    worker.call("run", file=light_file)
    assert worker.pid == pid


def test_a_killed_conversion_is_an_error_and_the_next_one_works(chain, classifier):
    thread = when_converting(lambda pid: os.kill(pid, signal.SIGKILL))
    with pytest.raises(export.ExportError, match="'chain', float32: .*SIGKILL while"):
        export.to_tflite(deep_model(chain))
    thread.join()
    assert export.to_tflite(classifier.model) == classifier.files["float32"]


def test_a_conversion_that_takes_too_long_is_an_error(chain, classifier):
    with pytest.raises(export.ExportError, match="'chain', float32: .*longer than 0.2 seconds"):
        export.to_tflite(deep_model(chain), timeout=0.2)
    assert process.shared.pid is None
    assert export.to_tflite(classifier.model) == classifier.files["float32"]


def test_ctrl_c_stops_the_conversion_and_the_next_one_works(chain, classifier):
    thread = when_converting(lambda pid: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        export.to_tflite(deep_model(chain))
    thread.join()
    assert process.shared.pid is None
    assert export.to_tflite(classifier.model) == classifier.files["float32"]


def test_a_segmentation_fault_is_told_with_what_was_going_on(worker, chain, tmp_path, light_file):
    """TensorFlow's quantiser crashes on the loop of an LSTM."""
    (tmp_path / "lstm.tflite").write_bytes(export.to_tflite(chain((STEPS + 1, 2), L.LSTM(4))))
    np.savez(tmp_path / "samples.npz", **{"serving_default/x": np.ones((2, STEPS + 1, 2), np.float32)})
    with pytest.raises(WorkerDied, match="segmentation fault.*calibrating"):
        worker.call(
            "quantize",
            input=str(tmp_path / "lstm.tflite"),
            samples=str(tmp_path / "samples.npz"),
            inputs={"serving_default": ["x"]},
            output=str(tmp_path / "int8.tflite"),
        )
    worker.call("run", file=light_file)


def test_noise_on_standard_output_does_not_disturb_the_answers(worker, light_file, monkeypatch):
    """Libraries print as they please, also before the script runs and without an end of line."""
    noisy = Path(light_file).parent / "noisy"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(
        "import os, sys\n"
        "os.write(1, b'12\\nno end')\n"
        "sys.addaudithook(lambda event, _: event == 'import' and os.write(1, b'loading'))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(noisy))
    assert worker.call("run", file=light_file) is None


def test_a_users_own_modules_are_not_imported(worker, light_file, tmp_path, monkeypatch):
    for name in ("export", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    worker.call("run", file=light_file)


PARENT = """
    import signal, sys, time
    from export import process
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process.shared.call("run", file={file!r})
    print(process.shared.pid, flush=True)
    {then}
"""
ENDINGS = {
    "returns": ("pass", None),
    "raises": ("raise ValueError", None),
    "exits": ("sys.exit(3)", None),
    "is killed": ("time.sleep(100)", signal.SIGKILL),
    "is interrupted": ("time.sleep(100)", signal.SIGINT),
    "is terminated": ("time.sleep(100)", signal.SIGTERM),
    "is killed during a job": (
        'process.shared.call("measure", file={file!r}, threads=1, warmup=0, runs=10**9)',
        signal.SIGKILL,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_process_is_left_when_the_parent(ending, light_file):
    then, sent = ENDINGS[ending]
    script = textwrap.dedent(PARENT).format(file=light_file, then=then.format(file=light_file))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as parent:
        child = int(parent.stdout.readline())
        if sent:
            time.sleep(0.3)
            parent.send_signal(sent)
    assert gone(child)


def test_a_fork_of_the_parent_leaves_the_process_alone(worker, light_file):
    worker.call("run", file=light_file)
    pid = worker.pid
    child = os.fork()
    if child == 0:
        worker.stop()
        os._exit(0 if worker.pid is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    worker.call("run", file=light_file)
    assert worker.pid == pid
