"""The verbs on a run that is there."""

import json

import numpy as np
import pytest
from PIL import Image

from recipes import pipeline, rundir
from recipes.data import prepared

VERBS = ("list", "show", "run", "train", "tune", "evaluate", "export", "benchmark", "predict")


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(edgezoo, verb):
    ended = edgezoo(verb, "--help")
    assert ended.code == 0
    assert f"Example: edgezoo {verb}" in ended.out.replace("`", "")


def test_help_names_every_verb(edgezoo):
    ended = edgezoo("--help")
    assert ended.code == 0
    assert all(f" {verb} " in ended.out for verb in VERBS)


@pytest.mark.parametrize("kind", ["recipes", "models", "datasets"])
def test_lists(edgezoo, kind):
    plain, as_json = edgezoo("list", kind), edgezoo("list", kind, "--json")
    assert plain.code == as_json.code == 0
    rows = json.loads(as_json.out)
    assert rows and all(next(iter(row.values())) in plain.out for row in rows)


def test_list_by_pattern(edgezoo):
    rows = json.loads(edgezoo("list", "models", "*dilated*", "--json").out)
    assert [row["model"] for row in rows] == ["dilated_cnn", "dilated_resnet"]
    assert rows[0]["parameters"] > 0 and rows[0]["MACs"] > 0


def test_show_a_recipe(edgezoo):
    assert "optimizer.learning_rate" in edgezoo("show", "lenet5_digits").out
    assert json.loads(edgezoo("show", "lenet5_digits", "--json").out)["model"] == "lenet5"


def test_show_an_architecture(edgezoo):
    assert "receptive field" in edgezoo("show", "lenet5").out
    assert json.loads(edgezoo("show", "lenet5", "--json").out)["parameters"] > 60_000


def test_evaluate_gives_the_runs_own_numbers(edgezoo, finished_run):
    path = finished_run.run.path
    for target, expected in [(path, finished_run.metrics), (path / "model.keras", finished_run.metrics)]:
        test = json.loads(edgezoo("evaluate", target, "--json").out)["test"]
        assert test == {k: pytest.approx(expected[k], rel=1e-6) for k in test}
    for precision in ("float32", "int8"):
        said = json.loads(edgezoo("evaluate", path / "export" / f"{precision}.tflite", "--json").out)
        assert said["test"] == pytest.approx(dict(finished_run.report.file(precision).metrics), rel=1e-6)
    assert f"{finished_run.metrics['accuracy']:.4f}" in edgezoo("evaluate", path).out


def test_evaluate_a_file_outside_a_run(edgezoo, finished_run, tmp_path):
    file = tmp_path / "copied.tflite"
    file.write_bytes((finished_run.run.path / "export" / "float16.tflite").read_bytes())
    ended = edgezoo("evaluate", file)
    assert ended.code == 2 and "--recipe" in ended.err
    assert edgezoo("evaluate", file, "--recipe", "lenet5_digits").code == 0


def test_export_one_precision_of_a_run_loses_no_other_file(edgezoo, run_copy):
    for file in ("dynamic_int8", "int8", "int16x8"):
        (run_copy / "export" / f"{file}.tflite").unlink()
    ended = edgezoo("export", run_copy, "--precision", "int8", "--json")
    report = json.loads(ended.out)
    assert ended.code == (0 if report["passed"] else 1)
    expected = ["float32", "float16", "int8"]
    assert [file["precision"] for file in report["files"]] == expected
    assert {f.stem for f in (run_copy / "export").glob("*.tflite")} == set(expected)


def test_export_any_keras_model(edgezoo, run_copy, tmp_path):
    x = np.random.default_rng(0).random((20, 28, 28, 1), dtype=np.float32)
    np.save(tmp_path / "x.npy", x)
    model = run_copy / "model.keras"
    target = ("export", model, "--out", tmp_path / "files", "--precision", "int8")
    refused = edgezoo(*target)
    assert refused.code == 2 and "--calibration" in refused.err
    ended = edgezoo(*target, "--calibration", tmp_path / "x.npy", "--json")
    assert ended.code in (0, 1), ended.err
    assert json.loads(ended.out)["calibration"]["samples"] == 20
    assert (tmp_path / "files" / "int8.tflite").is_file()


def test_benchmark(edgezoo, finished_run):
    file = finished_run.run.path / "export" / "int8.tflite"
    (measured,) = json.loads(edgezoo("benchmark", file, "--runs", 3, "--warmup", 1, "--json").out)
    assert measured["bytes"] == file.stat().st_size
    assert measured["runs"] == 3 and measured["median_ms"] > 0


@pytest.fixture
def test_images():
    """Five test digits `(5, 28, 28, 1)`, uint8, as prepared, and their labels."""
    from recipes import registry

    data = prepared.prepare("digits", registry.get("lenet5_digits").features)
    return np.array(data.test.x[:5]), data.test.y[:5]


def best(ended):
    assert ended.code == 0, ended.err
    return [row["classes"][0] for row in json.loads(ended.out)]


@pytest.mark.parametrize("part", ["", "export/int8.tflite"])
def test_predict_an_image_a_folder_and_an_array(edgezoo, finished_run, test_images, tmp_path, part):
    images, _ = test_images
    (tmp_path / "folder").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(tmp_path / "folder" / f"{i}.png")
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "one.npy", images[0, ..., 0])
    target = finished_run.run.path / part
    of_array = best(edgezoo("predict", target, tmp_path / "images.npy", "--json"))
    of_folder = best(edgezoo("predict", target, tmp_path / "folder", "--json"))
    of_image = best(edgezoo("predict", target, tmp_path / "folder" / "0.png", tmp_path / "one.npy", "--json"))
    assert of_array == of_folder
    assert of_image == [of_array[0]] * 2
    if not part:
        logits = finished_run.run.model().predict_on_batch(images / np.float32(255))
        assert [int(b["class"]) for b in of_array] == logits.argmax(1).tolist()
    assert "%" in edgezoo("predict", target, tmp_path / "folder").out


def test_predict_writes_pictures_of_an_autoencoder(edgezoo, tmp_path, test_images):
    from recipes import registry

    values = {
        "model": "convolutional_autoencoder",
        "task": "reconstruction",
        "epochs": 1,
        "features.image_size": (8, 8),
    }
    values |= {"arguments": {"code": 4, "filters": [4, 8]}, "batch_size": 256}
    run = pipeline.start(registry.get("lenet5_digits", **values), tmp_path / "run")
    pipeline.train(run)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(test_images[0][0, ..., 0]).save(tmp_path / folder / "digit.png")
    ended = edgezoo("predict", run.path, tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out", "--json")
    written = [row["picture"] for row in json.loads(ended.out)]
    assert len(set(written)) == 2
    with Image.open(written[0]) as picture:
        assert picture.size == (8, 8)
        small = np.asarray(Image.open(tmp_path / "a" / "digit.png").resize((8, 8), Image.Resampling.BILINEAR))
        rebuilt = run.model().predict_on_batch(small[None, ..., None] / np.float32(255))[0, ..., 0]
        assert np.abs(np.asarray(picture) - 255 * np.clip(rebuilt, 0, 1)).max() <= 1


def test_train_says_what_comes_next(edgezoo, tmp_path):
    settings = ["--set", "epochs=1", "--set", "batch_size=256"]
    ended = edgezoo("train", "lenet5_digits", "--out", tmp_path / "[red]run", *settings)
    assert ended.code == 0
    assert f"edgezoo run --resume {tmp_path}/[red]run" in ended.err
    again = edgezoo("train", "--resume", tmp_path / "[red]run", "--json")
    assert json.loads(again.out)["epochs"] == 1
    assert rundir.open_run(tmp_path / "[red]run").trained
