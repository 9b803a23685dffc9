"""Bad input for every option of `edgezoo export`: one message with the remedy, exit code 2, nothing written."""

import hashlib

import numpy as np
import pytest
import typer

from recipes.cli.app import app

RUN = {
    "--accelerator": [
        (["ethos-u55-256"], ["--target ethos_u55"]),
        (["huge", "--target", "ethos_u55"], ["'huge'", "ethos-u55-128"]),
        (["ethos-u55-256", "--target", "android"], ["android has no accelerator", "leave --accelerator out"]),
    ],
    "--author": [([], ["'--author' requires an argument"])],
    "--calibration": [(["x.npy"], ["its own training data", "leave out --calibration"])],
    "--correct-bias": [(["maybe"], ["'maybe'", "auto, always, never"])],
    "--equalize": [(["maybe"], ["'maybe'", "auto, always, never"])],
    "--explain": [
        (["--precision", "float32"], ["nothing to explain", "Ask for another"]),
        (["--target", "android"], ["--explain", "--target android", "one at a time"]),
    ],
    "--json": [(["--precision", "int"], ["'int'", "'int8'"])],
    "--keep-float": [
        ([""], ["names of layers", "not ''"]),
        (["c1", "--precision", "float16"], ["--keep-float", "files of integers", "int8"]),
    ],
    "--labels": [(["labels.txt"], ["its own labels", "leave out"])],
    "--license": [([], ["'--license' requires an argument"])],
    "--mixed": [
        (["-1"], ["--mixed -1", "at least 0"]),
        (["nan"], ["--mixed nan", "at least 0"]),
        (["much"], ["--mixed", "valid number"]),
    ],
    "--mixed-from": [
        (["int8"], ["give --mixed WITHIN too"]),
        (["float16", "--mixed", "0.1"], ["--mixed-from float16", "int8, int4, int16x8"]),
    ],
    "--out": [(["files"], ["its own directory", "leave out"])],
    "--percentile": [
        (["3"], ["above 50", "3.0"]),
        (["nan"], ["above 50"]),
        (["99", "--ranges", "min_max"], ["--percentile 99", "leave out --ranges min_max"]),
    ],
    "--precision": [(["int9"], ["'int9'", "'int8'"]), ([""], ["''", "int16x8"])],
    "--ranges": [(["minmax"], ["'minmax'", "min_max, moving_average, percentile"])],
    "--samples": [
        (["0"], ["--samples", "greater than or equal to 1"]),
        (["few"], ["--samples", "valid integer"]),
        (["3", "--precision", "float32"], ["--samples", "files of integers"]),
    ],
    "--signature": [
        (["encode"], ["'encode'", "leave --signature out"]),
        ([""], ["''", "leave --signature out"]),
    ],
    "--target": [(["androids"], ["'androids'", "'android'"]), ([""], ["''", "tflite_micro"])],
}
MODEL = {
    "--calibration": [
        (["nowhere.npy"], ["nowhere.npy"]),
        (["junk"], ["junk is no .npy array"]),
        (["."], [". is no .npy array"]),
        (["scalar.npy"], ["scalar.npy", "examples along its first axis"]),
        (["small.npy"], ["(4, 5, 5, 1)", "(n, 28, 28, 1)"]),
    ],
    "--explain": [(["--precision", "int8"], ["--calibration FILE.npy"])],
    "--keep-float": [
        (["c1"], ["--calibration FILE.npy"]),
        (["c9", "--calibration", "x.npy", "--precision", "int8"], ["'c9'", "The layers are", "logits"]),
    ],
    "--labels": [
        (["nowhere.txt"], ["nowhere.txt"]),
        (["junk"], ["junk is no text file"]),
        (["labels.txt"], ["2 labels", "needs 10"]),
    ],
    "--mixed": [(["0.1"], ["--calibration FILE.npy"])],
    "--out": [(["junk"], ["junk is a file"]), (["junk/below"], ["junk is a file"])],
    "--precision": [(["int4"], ["--calibration FILE.npy"])],
    "--samples": [(["3"], ["--calibration FILE.npy"])],
    "--signature": [
        (["encode"], ["'encode'", "leave --signature out"]),
        (["encode", "--signature", "decode"], ["one part is exported at a time"]),
    ],
}
TARGETS = {
    "nowhere": ["no file or directory nowhere"],
    "lenet5_digits": ["that is a recipe", "edgezoo run lenet5_digits"],
    ".": ["not a run directory", "recipe.json"],
    "junk": ["neither a run's directory nor a .keras file"],
    "junk.tflite": ["neither a run's directory nor a .keras file", "edgezoo check"],
    "junk.keras": ["junk.keras cannot be loaded", "damaged"],
}


def listed(cases):
    return [(option, given, parts) for option, all_ in cases.items() for given, parts in all_]


def contents(folder):
    return {f: hashlib.sha256(f.read_bytes()).digest() for f in sorted(folder.rglob("*")) if f.is_file()}


def refused(ended, *parts):
    said = " ".join(ended.err.replace("│", " ").split())
    assert ended.code == 2, said
    assert all(part in said for part in parts), said
    assert "Traceback" not in said and "unexpected" not in said
    assert not ended.out


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with files that are of no use."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).random((8, 28, 28, 1), np.float32))
    np.save("small.npy", np.zeros((4, 5, 5, 1), np.float32))
    np.save("scalar.npy", np.float32(3))
    noise = b"\xff" + np.random.default_rng(0).bytes(5000)
    for name in ("junk", "junk.tflite", "junk.keras"):
        (tmp_path / name).write_bytes(noise)
    (tmp_path / "labels.txt").write_text("a\nb\n")
    return tmp_path


def test_every_option_has_a_case():
    verb = typer.main.get_command(app).commands["export"]
    options = {name for parameter in verb.params for name in parameter.opts if name.startswith("--")}
    assert set(RUN) == options - {"--help"}
    assert set(MODEL) < options


@pytest.mark.parametrize(("option", "given", "parts"), listed(RUN))
def test_of_a_run(edgezoo, finished_run, here, option, given, parts):
    path = finished_run.run.path
    before = contents(path), contents(here)
    refused(edgezoo("export", path, option, *given), *parts)
    assert (contents(path), contents(here)) == before


@pytest.mark.parametrize(("option", "given", "parts"), listed(MODEL))
def test_of_a_model(edgezoo, finished_run, here, option, given, parts):
    before = contents(here)
    elsewhere = [] if option == "--out" else ["--out", here / "files"]
    refused(edgezoo("export", finished_run.run.model_file, option, *given, *elsewhere), *parts)
    assert contents(here) == before


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_neither_run_nor_model(edgezoo, here, target):
    before = contents(here)
    refused(edgezoo("export", target), *TARGETS[target])
    assert contents(here) == before


def test_a_folder_that_can_not_be_written(edgezoo, finished_run, here):
    ended = edgezoo("export", finished_run.run.model_file, "--out", "/proc/nothing")
    assert ended.code == 1
    assert "/proc/nothing can't be written" in ended.err and "another directory" in ended.err
    assert "Traceback" not in ended.err
