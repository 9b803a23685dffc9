"""The whole export: what is written, what the report says, and what a failure leaves."""

import json
import os

import keras
import numpy as np
import pytest

import export

L = keras.layers


def score(net):
    labels = net.model.predict(net.main, verbose=0).argmax(1)

    def accuracy(predict):
        return {"accuracy": np.mean(predict(net.main).argmax(1) == labels), "loss": 0.5}

    return accuracy


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    report = export.export_model(
        classifier.model,
        folder,
        calibration=[classifier.main],
        calibration_description="48 random images, seed 1",
        batches=[classifier.main],
        score=score(classifier),
        bars={
            "int8": export.Bar("accuracy", 0.5),
            "float16": export.Bar("accuracy", 0.5, relative=True),
        },
        name="test run",
        runs=3,
    )
    return folder, report


def test_everything_is_there_and_nothing_else(exported):
    folder, report = exported
    names = {f"{p}.{kind}" for p in export.DEFAULT_PRECISIONS for kind in ("tflite", "json")}
    reports = {"report.json", "report.md", "report.html"}
    assert set(os.listdir(folder)) == {*names, *reports, "saved_model"}
    assert report.passed, report.problems
    assert [file.precision for file in report.files] == list(export.DEFAULT_PRECISIONS)


def test_the_files_are_those_that_were_checked_and_measured(exported, classifier):
    folder, report = exported
    for file in report.files:
        content = (folder / file.file).read_bytes()
        assert content == classifier.files[file.precision]
        sha256 = export.inspect(content).sha256
        assert file.contents.sha256 == file.benchmark.sha256 == sha256
        assert file.verification.precision == file.precision


def test_metrics_are_of_the_files(exported, classifier):
    folder, report = exported
    accuracy = score(classifier)
    for file in report.files:
        expected = accuracy(export.load(folder / file.file))
        assert file.metrics == expected
        base = report.file("float32").metrics
        assert file.difference == {name: expected[name] - base[name] for name in base}
    assert report.file("int8").verdict.passed
    assert report.file("dynamic_int8").verdict is None


def test_the_json_says_the_same(exported):
    folder, report = exported
    found = json.loads((folder / "report.json").read_text())
    assert found["name"] == "test run"
    assert found["passed"] is True
    assert found["problems"] == []
    assert found["calibration"] == {"samples": 48, "description": "48 random images, seed 1"}
    assert set(found["environment"]) >= {
        "tensorflow",
        "keras",
        "ai-edge-litert",
        "ai-edge-quantizer",
    }
    for file, entry in zip(report.files, found["files"], strict=True):
        assert entry["contents"]["sha256"] == file.contents.sha256
        assert entry["contents"]["operators"] == dict(file.contents.operators)
        assert entry["benchmark"]["median_ms"] == file.benchmark.median_ms
        assert entry["metrics"] == dict(file.metrics)
        assert entry["verification"]["passed"] is True


def test_the_markdown_is_a_table_with_its_explanation(exported):
    folder, report = exported
    text = (folder / "report.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(export.DEFAULT_PRECISIONS)
    assert all(line.count("|") == rows[0].count("|") for line in rows)
    assert "48 random images, seed 1" in text
    assert report.files[0].benchmark.device in text


def quick(net, folder, **changes):
    arguments = {
        "precisions": ["int8"],
        "calibration": [net.main],
        "batches": [net.main[:4]],
        "runs": 1,
    } | changes
    return export.export_model(net.model, folder, **arguments)


def test_a_missed_bar_is_told_with_by_how_much(classifier, tmp_path):
    values = iter([{"loss": 1.0}, {"loss": 1.25}])
    bar = export.Bar("loss", 0.1, relative=True, higher_is_better=False)
    report = quick(classifier, tmp_path, score=lambda predict: next(values), bars={"int8": bar})
    assert not report.passed
    (problem,) = report.problems
    assert problem.startswith("int8.tflite: loss 1.25 against 1 in float32")
    assert "worse by 0.25, allowed 0.1, missed by 0.15" in problem
    assert problem in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["problems"] == [problem]


def test_a_gain_is_never_a_miss(classifier, tmp_path):
    values = iter([{"accuracy": 0.5}, {"accuracy": 0.9}])
    bar = export.Bar("accuracy", 0.0)
    report = quick(classifier, tmp_path, score=lambda predict: next(values), bars={"int8": bar})
    assert report.passed
    assert report.file("int8").verdict.loss == pytest.approx(-0.4)


def test_a_metric_that_is_not_finite_is_a_problem_and_null(classifier, tmp_path):
    report = quick(classifier, tmp_path, score=lambda predict: {"loss": float("nan")})
    assert "int8.tflite: loss is nan" in report.problems
    assert json.loads((tmp_path / "report.json").read_text())["files"][0]["metrics"]["loss"] is None


def test_a_refused_precision_does_not_stop_the_others(chain, tmp_path):
    model = chain((4, 4, 4, 1), L.Conv3D(2, 2, name="conv"))
    data = np.random.default_rng(0).normal(size=(8, 4, 4, 4, 1)).astype(np.float32)
    (tmp_path / "int8.tflite").write_bytes(b"of an earlier export")
    (tmp_path / "notes.txt").write_text("mine")
    arguments = {"calibration": [data], "batches": [data], "runs": 1}
    report = export.export_model(model, tmp_path, precisions=["int8", "float16"], **arguments)
    assert list(report.refused) == ["int8"]
    assert "CONV_3D" in report.refused["int8"]
    assert report.passed
    assert not (tmp_path / "int8.tflite").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "CONV_3D" in (tmp_path / "report.md").read_text()

    bars = {"int8": export.Bar("m", 1.0)}
    report = export.export_model(
        model,
        tmp_path,
        precisions=["int8"],
        score=lambda predict: {"m": 1.0},
        bars=bars,
        **arguments,
    )
    assert not report.passed
    assert "int8.tflite is missing" in report.problems[0]


def test_signatures_go_through_the_whole_export(coder, tmp_path):
    report = export.export_model(
        coder.model,
        tmp_path,
        precisions=["int8"],
        calibration=coder.calibration,
        batches=coder.calibration,
        signatures=coder.signatures,
        score=lambda predict: {"spread": predict(coder.main, signature="encode").std()},
        runs=1,
    )
    assert report.passed, report.problems
    assert {a.signature for a in report.file("int8").verification.agreements} == set(coder.signatures)


def test_a_failure_leaves_the_earlier_export_as_it_was(classifier, tmp_path):
    quick(classifier, tmp_path, precisions=["float32"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def failing(predict):
        raise FileNotFoundError("the score's own labels")

    with pytest.raises(FileNotFoundError, match="own labels"):
        quick(classifier, tmp_path, precisions=["float32"], score=failing)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_folder_that_can_not_be_written(classifier, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(export.ExportError, match="can't be written"):
        quick(classifier, tmp_path / "file" / "export", precisions=["float32"])
    with pytest.raises(export.ExportError, match="can't be written"):
        export.to_saved_model(classifier.model, tmp_path / "file" / "saved_model")


@pytest.mark.parametrize("place", ["export", "temporary"])
def test_a_full_disk_is_an_export_error_and_costs_nothing(classifier, tmp_path, monkeypatch, place):
    """Writing to /dev/full fails as on a full disk, at the system call."""
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    import tempfile
    from pathlib import Path

    quick(classifier, tmp_path, precisions=["float32"])
    before = (tmp_path / "float32.tflite").read_bytes()
    write = Path.write_bytes

    def full(path, content):
        blocked = str(tmp_path) if place == "export" else tempfile.gettempdir()
        inside = str(tmp_path) in str(path)
        if path.suffix == ".tflite" and (inside if place == "export" else not inside):
            assert str(path).startswith(blocked)
            return write(Path("/dev/full"), content)
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(export.ExportError, match="No space left"):
        quick(classifier, tmp_path, precisions=["float32"])
    assert (tmp_path / "float32.tflite").read_bytes() == before
    assert not list(tmp_path.glob(".writing-*"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bars": {"int8": export.Bar("accuracy", 0.1)}}, "need a score"),
        ({"bars": {"int9": export.Bar("a", 0.1)}, "score": lambda p: {}}, "int8"),
        ({"bars": {"float16": export.Bar("a", 0.1)}, "score": lambda p: {}}, "not among"),
        ({"bars": {"int8": export.Bar("a", 0.1)}, "score": lambda p: {"b": 1.0}}, "'a'.*b"),
        ({"calibration": None}, "training samples"),
        ({"precisions": []}, "No precision"),
    ],
)
def test_arguments_that_do_not_fit(classifier, tmp_path, changes, words):
    with pytest.raises(export.InvalidInput, match=words):
        quick(classifier, tmp_path, **changes)


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_a_tolerance_must_make_sense(tolerance):
    with pytest.raises(export.InvalidInput, match="tolerance"):
        export.Bar("accuracy", tolerance)
