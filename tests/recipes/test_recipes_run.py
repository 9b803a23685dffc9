"""From a recipe to verified files, twice: what is there, what is said, and that both runs are the same."""

import hashlib
import json

import numpy as np
import pytest

import recipes
from recipes import pipeline, registry, rundir

PRECISIONS = ("float32", "float16", "dynamic_int8", "int8", "int16x8")
NAMES = {f"{p}.tflite" for p in PRECISIONS}


@pytest.fixture(scope="module")
def second(tmp_path_factory, process):
    """The same run as `finished_run`, in a process of its own: its directory, exit code and output."""
    path = tmp_path_factory.mktemp("second") / "run"
    child = process("run", "lenet5_digits", "--out", path, "--set", "epochs=2", "--json")
    out, err = child.communicate(timeout=400)
    assert "Traceback" not in err
    return path, child.returncode, json.loads(out)


def digests(path):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in (path / "export").glob("*.tflite")}


def test_run_directory_explains_itself(finished_run):
    path = finished_run.run.path
    for name in (
        "recipe.json",
        "environment.json",
        "history.csv",
        "model.keras",
        "metrics.json",
        "labels.txt",
    ):
        assert (path / name).stat().st_size > 0
    sidecars = {name.replace(".tflite", ".json") for name in NAMES}
    assert {f.name for f in (path / "export").iterdir()} == NAMES | sidecars | {
        "saved_model",
        "report.html",
        "report.json",
        "report.md",
    }
    assert {f.name for f in (path / "plots").iterdir()} == {"learning_curves.png", "confusion_matrix.png"}
    assert not [f for f in path.rglob(".*")]
    assert rundir.open_run(path).recipe == recipes.get("lenet5_digits", epochs=2)
    assert rundir.read_json(path / "environment.json")["training_seconds"] > 0


def test_result_has_named_parts(finished_run):
    assert finished_run.metrics["accuracy"] > 0.6
    assert finished_run.metrics["majority_class_accuracy"] < 0.2
    assert {f.precision for f in finished_run.report.files} == set(PRECISIONS)
    assert finished_run.passed == (not finished_run.problems)
    for file in finished_run.report.files:
        assert not file.contents.flex and not file.contents.custom
        assert abs(file.metrics["accuracy"] - finished_run.metrics["accuracy"]) < 0.05
    assert not finished_run.report.file("int8").contents.float_tensors
    assert "of the training split of digits" in finished_run.report.calibration.description


def test_exit_code_agrees_with_the_report(second):
    path, code, said = second
    report = json.loads((path / "export" / "report.json").read_text())
    assert said["passed"] is (not said["problems"])
    assert code == (0 if said["passed"] else 1)
    assert set(report["problems"]) <= set(said["problems"])
    assert said["metrics"] == json.loads((path / "metrics.json").read_text())["test"]


def test_same_seed_same_history_and_same_bytes(finished_run, second):
    path, first = second[0], finished_run.run.path
    assert (path / "history.csv").read_text() == (first / "history.csv").read_text()
    assert (path / "metrics.json").read_text() == (first / "metrics.json").read_text()
    assert set(digests(path)) == NAMES
    assert digests(path) == digests(first)


def test_other_seed_other_history(finished_run, tmp_path):
    run = pipeline.start(registry.get("lenet5_digits", epochs=2, seed=1), tmp_path / "run")
    pipeline.train(run)
    assert run.history() != finished_run.run.history()
    pairs = zip(run.model().weights, finished_run.run.model().weights, strict=True)
    assert any((np.asarray(a) != np.asarray(b)).any() for a, b in pairs)


def test_finished_run_is_not_done_again(run_copy, edgezoo):
    before = {f: f.stat().st_mtime_ns for f in run_copy.rglob("*") if f.is_file()}
    ended = edgezoo("run", "--resume", run_copy, "--json")
    assert json.loads(ended.out)["metrics"] == rundir.open_run(run_copy).metrics()["test"]
    assert {f: f.stat().st_mtime_ns for f in run_copy.rglob("*") if f.is_file()} == before


@pytest.mark.parametrize("loss", ["missing", "changed", "report", "sidecar"])
def test_what_is_missing_is_seen(run_copy, loss):
    run = rundir.open_run(run_copy)
    assert pipeline.exported(run).file("int8").contents.sha256 == digests(run_copy)["int8.tflite"]
    file = run_copy / "export" / "int8.tflite"
    if loss == "missing":
        file.unlink()
    elif loss == "sidecar":
        file.with_suffix(".json").write_text("{}")
    elif loss == "changed":
        file.write_bytes(file.read_bytes() + b"\0")
    else:
        (run_copy / "export" / "report.json").write_text("{")
    assert pipeline.exported(run) is None


def test_shortfall_is_for_the_unchanged_recipe(finished_run):
    recipe = recipes.get("lenet5_digits", seed=2)
    assert pipeline.shortfalls(recipe, {"accuracy": 0.98}) == []
    (problem,) = pipeline.shortfalls(recipe, {"accuracy": 0.5})
    assert "accuracy 0.5000" in problem and "accuracy ≥ 0.97" in problem
    assert pipeline.shortfalls(finished_run.run.recipe, {"accuracy": 0.5}) == []


def test_nothing_is_written_where_something_cannot_be_used(tmp_path):
    for values, word in [
        ({"data": "minst"}, "minst"),
        ({"model": "lenet6"}, "'lenet5'"),
        ({"arguments.clases": 3}, "'classes'"),
        ({"arguments.classes": -3}, "classes"),
        ({"arguments.dropout": "often"}, "dropout"),
        ({"pretraining.kind": "rbm"}, "pretraining.kind=rbm"),
    ]:
        with pytest.raises(recipes.RecipeError, match=word):
            recipes.run("lenet5_digits", out=tmp_path / "run", **values)
        assert not (tmp_path / "run").exists()
