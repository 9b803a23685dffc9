"""A report is refused when its files changed."""

import dataclasses
import json
import math
import os

import pytest

import export


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    report = export.export_model(
        classifier.model,
        folder,
        precisions=["float16"],
        batches=[classifier.main],
        score=lambda predict: {"accuracy": 0.5, "spread": math.nan},
        bars={"float16": export.Bar("accuracy", 0.1)},
        runs=1,
    )
    return folder, report


def test_a_report_comes_back_as_it_was(exported):
    folder, report = exported
    found = export.load_report(folder)
    assert found.to_json() == report.to_json()
    assert found.files[0].contents == dataclasses.replace(
        report.files[0].contents,
        operators=dict(report.files[0].contents.operators),
        float_operators=dict(report.files[0].contents.float_operators),
        constants=dict(report.files[0].contents.constants),
        signatures=dict(report.files[0].contents.signatures),
    )
    assert math.isnan(found.files[0].metrics["spread"])
    assert found.file("float16").explanations == report.file("float16").explanations
    assert found.problems == report.problems


def test_it_covers_every_file_that_was_written(exported):
    folder, report = exported
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(report.sha256) == written - {"report.json", "report.md", "report.html"}
    assert "saved_model/saved_model.pb" in report.sha256
    for file in report.files:
        assert report.sha256[file.file] == file.contents.sha256


@pytest.mark.parametrize("name", ["float16.tflite", "float16.json", "saved_model/saved_model.pb"])
@pytest.mark.parametrize("change", ["flip", "append", "remove"])
def test_a_change_is_told_with_the_file_and_the_next_step(exported, name, change):
    folder, _ = exported
    file = folder / name
    content = file.read_bytes()
    changed = {"flip": content[:-1] + bytes([content[-1] ^ 1]), "append": content + b"\0"}
    try:
        file.unlink() if change == "remove" else file.write_bytes(changed[change])
        with pytest.raises(export.InvalidFile, match=rf"{name}.*(changed|can't be read).*Export again"):
            export.load_report(folder)
        assert export.load_report(folder, only=["float32.tflite"]).name
    finally:
        file.write_bytes(content)
    assert export.load_report(folder).name


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": 3}', "\x00", "null"])
def test_a_damaged_report_is_told(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(export.InvalidFile, match="report.json is no report, or it is damaged"):
        export.load_report(tmp_path)


def test_no_report_at_all(tmp_path):
    with pytest.raises(export.InvalidFile, match="report.json can't be read"):
        export.load_report(tmp_path)


def test_a_smaller_export_leaves_nothing_of_the_one_before(classifier, exported, tmp_path):
    for names in (["float16"], ["float32"]):
        export.export_model(classifier.model, tmp_path, precisions=names, batches=[classifier.main], runs=1)
    left = {"float32.tflite", "float32.json", "report.html", "report.json", "report.md", "saved_model"}
    assert set(os.listdir(tmp_path)) == left
    assert json.loads((tmp_path / "report.json").read_text())["ship"] == "float32.tflite"
    assert export.load_report(tmp_path).passed
