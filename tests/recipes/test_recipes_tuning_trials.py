"""Trials are runs: they go on from one another, are measured on the validation split, and survive kills."""

import contextlib
import csv
import json
import os
import signal
import socket
import time

import numpy as np
import pytest

import export
import recipes
from recipes import pipeline, registry, rundir, tasks
from recipes.tuning import measuring, objectives, outcome, search, trials

RATE = {"optimizer.learning_rate": "log:1e-4..1e38"}


@pytest.fixture(scope="module")
def jax(jax_backend, tmp_path_factory):
    """The environment of a machine that has JAX and no TensorFlow, whose processes start sooner too."""
    folder = tmp_path_factory.mktemp("missing")
    (folder / "tensorflow.py").write_text("raise ImportError('not on this machine')\n")
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {**jax_backend, "PYTHONPATH": path}


def a_search(path, texts, names=("accuracy",), **values):
    recipe = recipes.get("lenet5_digits", **{"batch_size": 256, **values})
    return search.create(path, search.Settings(recipe=recipe, space=texts, objectives=names, trials=9))


def history(folder):
    with open(folder / "history.csv", newline="") as lines:
        return list(csv.reader(lines))


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    """A search with a trial of one epoch, and one that goes on from it to the end."""
    found = a_search(tmp_path_factory.mktemp("tuning") / "s", RATE, epochs=3)
    coded = {"optimizer.learning_rate": 0.0071234567}
    trials.run(found, "0", {**coded, "tuner/epochs": 1, "tuner/initial_epoch": 0})
    after = {"tuner/epochs": 3, "tuner/initial_epoch": 1, "tuner/trial_id": "0"}
    trials.run(found, "1", {**coded, **after})
    return found


def test_a_trial_that_goes_on_ends_as_a_run_that_was_never_halved(halved, tmp_path):
    assert len(history(halved.folder("0"))) == 1 + 1 and not rundir.open_run(halved.folder("0")).trained
    straight = pipeline.start(
        halved.space.recipe({"optimizer.learning_rate": 0.007123}), tmp_path / "straight"
    )
    pipeline.train(straight)
    assert history(halved.folder("1")) == history(straight.path)
    assert history(halved.folder("1"))[:2] == history(halved.folder("0"))
    pairs = zip(rundir.open_run(halved.folder("1")).model().weights, straight.model().weights, strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_completed_trial_is_not_trained_again(halved):
    before = {f: f.stat().st_mtime_ns for f in halved.folder("1").rglob("*")}
    record = halved.record("1")
    assert trials.run(halved, "1", {"optimizer.learning_rate": 0.007123}) == record.objectives
    assert {f: f.stat().st_mtime_ns for f in halved.folder("1").rglob("*")} == before


def test_the_measure_is_that_of_the_validation_split(halved):
    run = rundir.open_run(halved.folder("1"))
    context = tasks.Context(run.recipe, pipeline.prepare(run.recipe))
    held_back = context.validation
    logits = run.model().predict(context.images(held_back), verbose=0)
    right = (logits.argmax(-1) == held_back.split.y[held_back.indices]).mean()
    assert halved.record("1").objectives == {"accuracy": pytest.approx(right)}
    assert not (run.path / "metrics.json").exists()  # nobody looked at the test split


def test_a_trial_whose_values_end_in_nothing_is_recorded(halved):
    with pytest.raises(trials.Failed, match="not a number"):
        trials.run(halved, "2", {"optimizer.learning_rate": 1e38, "tuner/epochs": 1})
    record = halved.record("2")
    assert record.status == "failed" and "learning_rate" in record.error and not record.objectives


def test_the_outcome_is_a_recipe_that_runs(halved, edgezoo, monkeypatch):
    found = outcome.conclude(halved)
    assert found.best.trial == "1" and found.default is None and found.completed == 2
    tuned = recipes.get(halved.path / "best.yaml")
    assert tuned.optimizer == halved.space.recipe(found.best.values).optimizer
    assert (tuned.name, tuned.epochs, tuned.batch_size) == ("lenet5_digits_tuned", 3, 256)
    header, *rows = csv.reader((halved.path / "trials.csv").read_text().splitlines())
    assert [row[header.index("status")] for row in rows] == ["completed", "completed", "failed"]
    monkeypatch.chdir(halved.path)
    run = json.loads(edgezoo("train", "best.yaml", "--set", "epochs=1", "--json").out)["run"]
    assert rundir.open_run(halved.path / run).recipe.name == "lenet5_digits_tuned"


def test_measures_of_files_are_of_the_very_file(finished_run, tmp_path, run_copy):
    wanted = objectives.get("classification", ("int8_bytes", "arena_bytes", "latency_ms"))
    run = rundir.open_run(run_copy)
    found = measuring.measure(run, run.model(), wanted)
    file = run_copy / measuring.FILE
    assert found["int8_bytes"] == file.stat().st_size
    assert found["arena_bytes"] == export.run_micro(file).arena_smallest
    assert found["latency_ms"] > 0
    plain = finished_run.report.file("int8")  # the same weights, and metadata beside them
    assert dict(export.inspect(file).operators) == dict(plain.contents.operators)


def wait(condition, child, seconds=200):
    """Wait until `condition()` is true, while the process lives; returns what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return found


def with_status(path, status):
    """The records of a search that may not be there yet."""
    if not (path / "search.json").exists():
        return []
    return [record for record in search.open_search(path).records() if record.status == status]


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def data():
    """The digits, prepared before processes need them."""
    return pipeline.prepare(registry.get("lenet5_digits"))


def test_killed_workers_and_a_killed_search(data, tmp_path, process, edgezoo, jax):
    path, settings = tmp_path / "s", ("--set", "epochs=2", "--set", "batch_size=256", "--algorithm", "random")
    space = ("--space", "optimizer.learning_rate=log:1e-3..1e-2")
    leader = process(
        "tune",
        "lenet5_digits",
        *settings,
        *space,
        "--trials",
        5,
        "--workers",
        2,
        "--out",
        path,
        "--json",
        **jax,
    )
    victim = wait(lambda: with_status(path, "running"), leader)[0]
    os.kill(victim.process, signal.SIGKILL)
    wait(lambda: len(with_status(path, "completed")) >= 2, leader)
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    workers = {record.process for record in search.open_search(path).records()}
    end = time.monotonic() + 30
    while any(map(is_alive, workers)):
        assert time.monotonic() < end, "a worker outlived the search"
        time.sleep(0.05)
    before = {record.trial: record for record in with_status(path, "completed")}
    resumed = process("tune", "--resume", path, "--json", **jax)
    out, err = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, err
    said, after = json.loads(out), {r.trial: r for r in search.open_search(path).records()}
    assert said["completed"] == len(after) == 5
    assert {trial: after[trial] for trial in before} == before  # none was repeated
    assert after[victim.trial].status == "completed" and after[victim.trial].process != victim.process
    best = max(after.values(), key=lambda record: record.objectives["accuracy"])
    assert said["best"]["objectives"] == best.objectives
    assert said["default"]["trial"] == "0"  # the recipe as it is comes first
    again = edgezoo("tune", "--resume", path, "--trials", 5, "--json")  # nothing is left to do
    assert json.loads(again.out)["trials"] == said["trials"]


def test_a_chief_and_a_worker_as_on_two_machines(data, tmp_path, process, jax):
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (
        "tune",
        "lenet5_digits",
        "--set",
        "epochs=3",
        "--set",
        "batch_size=256",
        "--algorithm",
        "hyperband",
    )
    command += ("--space", "optimizer.learning_rate=log:1e-3..1e-2", "--out", tmp_path / "s", "--json")
    where = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), **jax}
    worker = process(*command, KERASTUNER_TUNER_ID="machine1", **where)
    chief = process(*command, KERASTUNER_TUNER_ID="chief", **where)
    out, err = chief.communicate(timeout=280)
    assert chief.returncode == 0, err
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    records = {r.trial: r for r in search.open_search(tmp_path / "s").records()}
    assert {r.status for r in records.values()} == {"completed"} and {r.worker for r in records.values()} == {
        "machine1"
    }
    assert {r.epochs for r in records.values()} == {1, 3}
    (on,) = [record for record in records.values() if record.parent]
    folders = [tmp_path / "s" / "trials" / trial for trial in (on.parent, on.trial)]
    assert history(folders[1])[:2] == history(folders[0])
    assert (
        max(r.objectives["accuracy"] for r in records.values() if r.epochs == 1 and r.trial != on.trial)
        == (records[on.parent].objectives["accuracy"])
    )
    assert json.loads(out)["best"]["epochs"] == 3


BAD = [
    (["lenet5_digit"], {}, ["'lenet5_digits'"]),
    ([], {}, ["which recipe?"]),
    (["lenet5_digits", "--resume", "x"], {}, ["--resume"]),
    (["--resume", "nowhere"], {}, ["nowhere", "search.json"]),
    (["lenet5_digits", "--algorithm", "bayes"], {}, ["'bayes'", "'bayesian'"]),
    (["lenet5_digits", "--objective", "int8_byte"], {}, ["'int8_byte'", "'int8_bytes'"]),
    (["lenet5_digits", "--space", "batch_size"], {}, ["--space", "key=value"]),
    (["lenet5_digits", "--space", "batch_sise=int:1..2"], {}, ["'batch_sise'", "'batch_size'"]),
    (["lenet5_digits", "--space", "arguments.activation=choice:tanh,relu7"], {}, ["activation", "relu7"]),
    (["lenet5_cifar10", "--space", "batch_size=int:1..2"], {}, ["lenet5_cifar10"]),
    (["lenet5_digits"], {"KERASTUNER_TUNER_ID": "chief"}, ["KERASTUNER_ORACLE_IP", "--workers"]),
]


@pytest.mark.parametrize(("arguments", "environment", "parts"), BAD)
def test_bad_input_is_named_and_nothing_is_written(
    edgezoo, tmp_path, monkeypatch, arguments, environment, parts
):
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = edgezoo("tune", *arguments)
    assert ended.code == 2, ended.err
    for part in parts:
        assert part in " ".join(ended.err.split())
    assert "Traceback" not in ended.err and not list(tmp_path.iterdir())


def test_help_has_examples(edgezoo):
    ended = edgezoo("tune", "--help")
    assert ended.code == 0 and "edgezoo tune lenet5_digits" in ended.out
