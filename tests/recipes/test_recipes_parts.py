"""Signatures on their own: exported alone, and asked from the command line."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import export
import zoo
from recipes import parts, pipeline, registry, tasks
from recipes.cli import asking
from recipes.errors import RecipeError

TINY = {
    "model": "vae",
    "arguments": {"code": 3, "hidden": "dense", "units": 16},
    "task": "generation",
    "features.image_size": (8, 8),
    "augmentation.translation": (0, 0),
    "epochs": 1,
    "batch_size": 256,
    "precisions": ("float32", "int8"),
    "calibration": 60,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained run of a small variational autoencoder, nothing exported."""
    run = pipeline.start(registry.get("lenet5_digits", **TINY), tmp_path_factory.mktemp("runs") / "run")
    pipeline.train(run)
    return run


@pytest.fixture(scope="module")
def encoder(run):
    """The report of the encoder alone, and the folder of its files."""
    return pipeline.export_files(run, signatures=("encode",)), run.path / "export-encode"


@pytest.fixture
def digits(run):
    """Twelve test images in [0, 1]."""
    return pipeline.prepare(run.recipe).test.x[:12] / np.float32(255)


def pixels_of(pictures):
    return np.rint(255 * np.clip(pictures, 0, 1)).astype(int)


def answers(ended):
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def refused(ended, *said):
    assert ended.code == 2, ended.err
    assert all(part in " ".join(ended.err.split()) for part in said), ended.err


def test_the_encoder_alone(run, encoder, digits):
    report, folder = encoder
    assert not report.problems
    assert {file.name for file in folder.glob("*.tflite")} == {"float32.tflite", "int8.tflite"}
    expected = run.model().encoder.predict_on_batch(digits)
    for file in report.files:
        agreements = {(a.signature, a.output) for a in file.verification.agreements}
        assert agreements == {("encode", "mean"), ("encode", "log_variance")}
        loaded = export.load(folder / file.file)
        assert loaded.signatures == ("encode",)
        codes = loaded(digits)
        for name, values in codes.items():
            error = np.abs(values - expected[name]).max()
            assert error < (1e-4 if file.precision == "float32" else 0.1 * np.ptp(expected[name]))
    assert export.inspect(folder / "int8.tflite").float_tensors == ()
    assert not (run.path / "export").exists()


def test_the_report_says_why_there_is_no_score(encoder):
    report, folder = encoder
    assert all(not file.metrics and file.verdict is None for file in report.files)
    (note,) = report.notes
    assert "Only encode of reconstruct, encode, decode, sample" in note
    assert note in (folder / "report.md").read_text(encoding="utf-8")
    assert json.loads((folder / "report.json").read_text())["notes"] == [note]


@pytest.mark.parametrize(
    ("asked", "names", "scored"),
    [
        (("encode", "decode"), ["encode", "decode"], True),
        (("decode", "encode", "reconstruct"), ["reconstruct", "encode", "decode"], True),
        (("encode",), ["encode"], False),
        (None, ["reconstruct", "encode", "decode", "sample"], True),
    ],
)
def test_a_part_is_scored_where_it_has_what_the_score_asks_for(asked, names, scored):
    class Task:
        SIGNATURES = ("encode", "decode")

    model = zoo.create("vae", input_shape=(8, 8, 1), code=3, hidden="dense", units=8)
    part = parts.choose(model, Task, asked)
    assert list(part.models) == names and part.scored == scored and bool(part.notes) != scored
    assert part.folder == ("export" if asked is None else "-".join(["export", *sorted(names)]))
    assert part.of(dict.fromkeys(model.signatures, 1)) == dict.fromkeys(names, 1)


def test_a_task_that_does_not_say_asks_for_all():
    model = zoo.create("dense_autoencoder", input_shape=(8, 8, 1), code=3, hidden=(8,))
    assert not parts.choose(model, object(), ("reconstruct", "encode")).scored
    assert parts.choose(model, object(), ("reconstruct", "encode", "decode")).scored


def test_generation_asks_for_the_codes_on_the_way_down():
    sizes = {"input_shape": (8, 8, 1), "hidden": "dense", "units": 8}
    model, ladder = zoo.create("vae", **sizes, code=3), zoo.create("ladder_vae", **sizes, codes=(3, 2, 2))
    for name in ("generation", "conditional_generation"):
        task, ends = tasks.get(name), ("encode", "decode")
        assert parts.choose(model, task, ends).scored
        assert not parts.choose(model, task, ("encode", "reconstruct", "sample")).scored
        (note,) = parts.choose(ladder, task, (*ends, "prior2")).notes
        assert "asks for prior1 too" in note
        assert parts.choose(ladder, task, (*ends, "prior1", "prior2")).scored


def test_a_file_of_what_is_asked_for_is_scored(run, edgezoo):
    report = pipeline.export_files(run, ("float32",), signatures=("encode", "decode"))
    assert not report.notes
    scored = answers(edgezoo("evaluate", run.path / "export-decode-encode" / "float32.tflite", "--json"))
    assert scored["test"] == pytest.approx(report.file("float32").metrics)
    assert scored["test"]["negative_elbo"] > 0


def test_a_model_without_named_parts():
    model = zoo.create("lenet1")
    assert parts.choose(model, object()) == parts.Part(None)
    assert parts.Part(None).of([1, 2]) == [1, 2]
    with pytest.raises(RecipeError, match="no named ones"):
        parts.choose(model, object(), ("encode",))


def test_export_on_the_command_line(run, edgezoo):
    report = answers(edgezoo("export", run.path, "--signature", "sample", "--precision", "float32", "--json"))
    assert report["passed"] and [file["precision"] for file in report["files"]] == ["float32"]
    assert export.load(run.path / "export-sample" / "float32.tflite").signatures == ("sample",)
    refused(edgezoo("export", run.path, "--signature", "decod"), "'decod'", "Did you mean 'decode'")


def test_part_of_a_keras_file(run, edgezoo, digits, tmp_path):
    codes = run.model().encoder.predict_on_batch(digits)["mean"]
    np.save(tmp_path / "codes.npy", codes)
    target = ("export", run.path / "model.keras", "--out", tmp_path / "files", "--precision", "int8")
    given = ("--signature", "decode", "--calibration", tmp_path / "codes.npy", "--json")
    assert answers(edgezoo(*target, *given))["passed"]
    assert export.load(tmp_path / "files" / "int8.tflite")(codes, "decode").shape == (12, 8, 8, 1)
    refused(edgezoo(*target, "--signature", "decode", "--signature", "encode"), "one part", "run's directory")


def test_a_part_cannot_be_scored_as_the_whole(encoder, edgezoo):
    refused(edgezoo("evaluate", encoder[1] / "int8.tflite"), "has the signatures encode", "give a file")


@pytest.mark.parametrize("part", ["", "export-encode/float32.tflite"])
def test_predict_writes_codes(run, encoder, edgezoo, digits, tmp_path, part):
    (tmp_path / "digits").mkdir()
    for i, image in enumerate(digits):
        Image.fromarray(pixels_of(image[..., 0]).astype(np.uint8)).save(tmp_path / "digits" / f"{i:02}.png")
    target = ("predict", run.path / part, "--signature", "encode", "--out", tmp_path / "out")
    (row,) = answers(edgezoo(*target, tmp_path / "digits", "--json"))
    expected = run.model().encoder.predict_on_batch(digits)
    written = {array["output"]: array for array in row["arrays"]}
    for name, values in expected.items():
        assert written[name]["shape"] == [12, 3] and f"-{name}" in written[name]["file"]
        np.testing.assert_allclose(np.load(written[name]["file"]), values, atol=1e-4)
    assert "(12, 3)" in edgezoo(*target, tmp_path / "digits").out


def test_predict_draws_what_codes_stand_for(run, edgezoo, digits, tmp_path):
    model = run.model()
    codes = model.encoder.predict_on_batch(digits)["mean"]
    np.save(tmp_path / "codes.npy", codes)
    rows = answers(
        edgezoo(
            "predict", run.path, tmp_path / "codes.npy", "--signature", "decode", "--out", tmp_path, "--json"
        )
    )
    expected = 1 / (1 + np.exp(-model.decoder.predict_on_batch(codes)))  # its decoder gives logits
    assert len(rows) == 12
    for row, picture in zip(rows, expected[..., 0], strict=True):
        assert np.abs(np.asarray(Image.open(row["picture"]), int) - pixels_of(picture)).max() <= 1


def test_predict_draws_samples(run, edgezoo, tmp_path):
    target = ("predict", run.path, "--signature", "sample", "--out", tmp_path, "--json")
    rows = [answers(edgezoo(*target, "--count", 12, "--seed", seed)) for seed in (5, 5, 6)]
    first, again, other = (np.asarray(Image.open(row[0]["picture"]), int) for row in rows)
    assert first.shape == (16, 80)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
    noise = np.random.default_rng(5).standard_normal((12, 3)).astype(np.float32)
    expected = pixels_of(run.model().signatures["sample"].predict_on_batch(noise)[..., 0])
    assert np.abs(first[:8, 8:16] - expected[1]).max() <= 1
    assert np.abs(first[8:, 8:16] - expected[11]).max() <= 1
    assert (first[8:, 16:] == 255).all()
    np.save(tmp_path / "noise.npy", noise)
    (row,) = answers(edgezoo(*target, tmp_path / "noise.npy"))
    np.testing.assert_array_equal(np.asarray(Image.open(row["picture"]), int), first)


def test_what_cannot_be_asked(run, edgezoo, tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    target = ("predict", run.path)
    refused(edgezoo(*target, tmp_path / "a.png", "--signature", "encod"), "'encod'", "'encode'")
    refused(edgezoo(*target, "--signature", "encode"), "'encode'", "needs an INPUT")
    refused(edgezoo(*target), "'reconstruct'", "needs an INPUT")
    refused(edgezoo(*target, tmp_path / "a.png", "--signature", "decode"), "(3,)", "give a .npy")
    refused(edgezoo(*target, tmp_path / "a.png", "--label", "3"), "takes no class")


def test_models_that_are_told_the_class():
    keras.utils.set_random_seed(0)
    model = zoo.create("conditional_vae", input_shape=(8, 8, 1), code=3, units=8, classes=4, hidden="dense")
    predict = tasks.keras_predictor(model)
    noise = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    classes = ["cat", "dog", "cow", "hen"]
    by_number = asking.ask(predict, "it", "sample", "2", classes)
    by_name = asking.ask(predict, "it", "sample", "cow", classes)
    expected = model.signatures["sample"]({"noise": noise, "label": np.full(5, 2, np.int32)})
    for asked in (by_number, by_name):
        np.testing.assert_allclose(asked.pictures(noise), np.asarray(expected), atol=1e-6)
    assert asking.ask(predict, "it", None, "0", classes).shape == (8, 8, 1)
    for label, said in (
        (None, "give --label. Possible: cat"),
        ("4", "no such class"),
        ("cot", "no such class"),
    ):
        with pytest.raises(RecipeError, match=said):
            asking.ask(predict, "it", "sample", label, classes)


def test_signals_and_whatever_else_is_given(tmp_path):
    from recipes.cli import answers as written

    signals = np.random.default_rng(0).random((1, 30, 1)).astype(np.float32)
    row = written.pictures("beat.npy[0]", signals, tmp_path, beside={"input": signals})
    assert Image.open(row["picture"]).width > 300
    row = written.pictures("wide.npy", np.ones((2, 4, 4, 7), np.float32), tmp_path)
    np.testing.assert_array_equal(np.load(row["arrays"][0]["file"]), np.ones((2, 4, 4, 7)))
    assert "(2, 4, 4, 7)" in written.text(row)
