"""`edgezoo export --explain`, the files' metadata, and reports whose files changed."""

import json

import pytest
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

import export
from recipes import exports, results, rundir
from recipes.errors import RecipeError


def times(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_a_whole_export_is_explained_as_it_is(run_copy, edgezoo):
    before = times(run_copy)
    ended = edgezoo("export", run_copy, "--explain", "--json")
    found = {entry["file"]: entry for entry in json.loads(ended.out)}
    assert set(found) == {f"{p}.tflite" for p in ("float16", "dynamic_int8", "int8", "int16x8")}
    errors = [layer["own_error"] for layer in found["int8.tflite"]["layers"]]
    assert errors == sorted(errors, reverse=True)
    assert {"c1", "c3", "c5", "f6", "logits"} <= {layer["layer"] for layer in found["int8.tflite"]["layers"]}
    assert times(run_copy) == before

    ended = edgezoo("export", run_copy, "--explain", "--precision", "int8")
    assert "int8.tflite: where precision is lost" in ended.out
    assert "float16.tflite: where" not in ended.out
    assert times(run_copy) == before


def test_a_run_whose_files_changed_is_not_explained(run_copy):
    run = rundir.open_run(run_copy)
    assert exports.explained(run, ["int8"]).name
    file = run_copy / "export" / "float32.tflite"
    file.write_bytes(file.read_bytes() + b"\0")
    assert exports.explained(run, ["int8"]) is None


def test_files_know_their_labels_their_pixels_and_their_recipe(finished_run):
    from export import flatbuffer

    folder = finished_run.run.path / "export"
    model = flatbuffer.parse((folder / "int8.tflite").read_bytes())
    (buffer,) = (model.buffers[e.buffer].data for e in model.metadata if e.name == b"TFLITE_METADATA")
    found = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(bytes(buffer)))
    assert found.name == b"lenet5_digits"
    (image,) = found.subgraphMetadata[0].inputTensorMetadata
    assert image.processUnits[0].options.std.tolist() == [255]

    sidecar = json.loads((folder / "int8.json").read_text())
    (signature,) = sidecar["signatures"].values()
    labels = (finished_run.run.path / "labels.txt").read_text().splitlines()
    assert signature["outputs"][0]["labels"] == labels
    recipe = json.loads((finished_run.run.path / "recipe.json").read_text())
    del recipe["space"]  # what might be searched says nothing about the model
    assert sidecar["recipe"] == recipe
    assert sidecar["metrics"]["accuracy"] == finished_run.report.file("int8").metrics["accuracy"]


def test_tables_take_no_figures_of_files_that_changed(run_copy):
    file = run_copy / "export" / "int8.tflite"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(RecipeError, match=r"int8.tflite has changed since"):
        results._check([rundir.open_run(run_copy)])


def test_a_keras_model_with_labels_and_licence(run_copy, edgezoo, tmp_path):
    arguments = ["--precision", "float16", "--license", "MIT", "--author", "Ada", "--out", tmp_path / "out"]
    ended = edgezoo(
        "export", run_copy / "model.keras", *arguments, "--labels", run_copy / "labels.txt", "--explain"
    )
    assert ended.code == 0, ended.err
    assert "float16.tflite: where precision is lost" in ended.out
    sidecar = json.loads((tmp_path / "out" / "float16.json").read_text())
    assert (sidecar["author"], sidecar["license"]) == ("Ada", "MIT")
    assert export.load_report(tmp_path / "out").passed

    ended = edgezoo("export", run_copy, "--labels", run_copy / "labels.txt")
    assert ended.code == 2
    assert "leave out --calibration, --out and --labels" in ended.err
