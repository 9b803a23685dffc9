"""`edgezoo targets`, `edgezoo check` and `edgezoo export --target`."""

import json
import subprocess
import sys

import numpy as np
import pytest

import export
from recipes import targets
from recipes.errors import RecipeError

LOADED = (
    "import sys; sys.argv[1:] = {arguments}\nfrom recipes.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    "print('LOADED', *{{m.partition('.')[0] for m in sys.modules}})"
)


@pytest.fixture(scope="module")
def int8(finished_run):
    return finished_run.run.path / "export" / "int8.tflite"


@pytest.mark.parametrize("verb", ["targets", "check"])
def test_help_has_an_example(edgezoo, verb):
    ended = edgezoo(verb, "--help")
    assert ended.code == 0 and f"Example: edgezoo {verb}" in ended.out.replace("`", "")


@pytest.mark.parametrize("arguments", [["targets"], ["targets", "ethos_u55"], ["check", "--help"]])
def test_neither_tensorflow_nor_keras_is_loaded(arguments):
    code = LOADED.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "numpy"} & set(done.stdout.rpartition("LOADED")[2].split())


def test_the_list_of_targets(edgezoo):
    plain, as_json = edgezoo("targets"), json.loads(edgezoo("targets", "--json").out)
    assert plain.code == 0
    assert [row["name"] for row in as_json] == list(export.target_names())
    assert all(row["name"] in plain.out and row["precisions"] and row["needs"] for row in as_json)


def test_one_target(edgezoo):
    ended = edgezoo("targets", "ethos_u55")
    assert ended.code == 0 and "ethos-u55-256" in ended.out and "AddEthosU()" in ended.out
    assert json.loads(edgezoo("targets", "ethos_u55", "--json").out)["accelerators"][0] == "ethos-u55-128"
    ended = edgezoo("targets", "android_phone")
    assert ended.code == 2 and "Did you mean 'android'" in ended.err


def test_check_runs_the_file_in_the_devices_own_runtime(edgezoo, int8):
    ended = edgezoo("check", int8, "--target", "tflite_micro", "--json")
    content = json.loads(ended.out)
    assert ended.code == 0 and content["passed"]
    assert content["measured"]["largest_difference_from_litert_in_steps"] <= 1
    assert content["measured"]["arena_smallest_bytes"] > 1000
    ended = edgezoo("check", int8, "--target", "tflite_micro", "--ram", 2000)
    assert ended.code == 1 and "2,000 bytes is not enough" in ended.out


def test_check_against_all_targets(edgezoo, int8):
    ended = edgezoo("check", int8.with_name("dynamic_int8.tflite"), "--fast", "--json")
    verdicts = {row["target"]: row["passed"] for row in json.loads(ended.out)}
    assert ended.code == 1 and list(verdicts) == list(export.target_names())
    assert verdicts["android"] and verdicts["web"] and not verdicts["tflite_micro"]
    plain = edgezoo("check", int8.with_name("dynamic_int8.tflite"), "--fast")
    assert (
        plain.code == 1
        and "does not run" in plain.out
        and "instead of dynamic_int8" in " ".join(plain.out.split())
    )


def test_check_on_samples_and_a_size(edgezoo, int8, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((3, 28, 28, 1), np.float32))
    ended = edgezoo("check", int8, "--target", "tflite_micro", "--samples", tmp_path / "x.npy", "--json")
    assert json.loads(ended.out)["measured"]["compared_samples"] == 3
    ended = edgezoo("check", int8, "--target", "ethos_u55", "--accelerator", "ethos-u55-32", "--json")
    assert json.loads(ended.out)["measured"]["accelerator"] == "ethos-u55-32"
    ended = edgezoo("check", int8, "--target", "web", "--accelerator", "ethos-u55-32")
    assert ended.code == 2 and "no sizes" in ended.err


@pytest.mark.parametrize("content", [b"", b"no model", bytes(4) + b"TFL3" + bytes(100)])
def test_check_of_what_is_no_file(edgezoo, tmp_path, content):
    (tmp_path / "x.tflite").write_bytes(content)
    ended = edgezoo("check", tmp_path / "x.tflite", "--target", "tflite_micro")
    assert ended.code == 2 and "x.tflite" in ended.err
    assert edgezoo("check", tmp_path / "missing.tflite").code == 2


def test_export_for_a_target(edgezoo, run_copy):
    before = (run_copy / "export" / "int8.tflite").read_bytes()
    ended = edgezoo("export", run_copy, "--target", "tflite_micro", "--json")
    content = json.loads(ended.out)
    assert ended.code == 0 and content["passed"] and content["target"] == "tflite_micro"
    place = run_copy / "export" / "tflite_micro"
    name = "lenet5_digits_int8"
    assert {file.name for file in place.iterdir()} == {
        name,
        f"{name}.tflite",
        "labels.txt",
        "check.json",
        "README.md",
    }
    assert (
        (place / f"{name}.tflite").read_bytes()
        == before
        == (run_copy / "export" / "int8.tflite").read_bytes()
    )
    header = (place / name / f"{name}.h").read_text()
    assert "_LABELS 10\n" in header
    assert (
        "input_std[LENET5_DIGITS_INT8_INPUT_CHANNELS] = {255.0f};" in (place / name / f"{name}.c").read_text()
    )


def test_export_of_a_keras_model_for_a_target(edgezoo, run_copy, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((20, 28, 28, 1), np.float32))
    (tmp_path / "labels.txt").write_text("".join(f"class {i}\n" for i in range(10)))
    ended = edgezoo(
        *("export", run_copy / "model.keras", "--out", tmp_path / "files", "--target", "ethos_u55"),
        *(
            "--calibration",
            tmp_path / "x.npy",
            "--labels",
            tmp_path / "labels.txt",
            "--accelerator",
            "ethos-u55-64",
        ),
    )
    assert ended.code == 0, ended.err
    place = tmp_path / "files" / "ethos_u55"
    assert (place / "model_int8_vela.tflite").is_file()
    assert json.loads((place / "check.json").read_text())["measured"]["accelerator"] == "ethos-u55-64"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "tflite_micr"], "Did you mean 'tflite_micro'"),
        (["--target", "coral_edgetpu", "--precision", "float16"], "does not run float16"),
        (["--target", "web", "--accelerator", "ethos-u55-64"], "has no sizes"),
    ],
)
def test_export_for_what_can_not_be(edgezoo, finished_run, options, message):
    ended = edgezoo("export", finished_run.run.path, *options)
    assert ended.code == 2 and message in ended.err


def test_the_precisions_of_a_target():
    assert targets.precisions_for("gpu_delegate") == ("float16",)
    assert targets.precisions_for("tflite_micro", ("int16x8", "float32")) == ("int16x8", "float32")
    with pytest.raises(RecipeError, match="the best first: int8, int16x8, float32"):
        targets.precisions_for("tflite_micro", ("dynamic_int8",))


def test_the_matrix_has_the_arena_or_the_reason(int8):
    from recipes import matrix

    arena = targets.arena(int8.read_bytes())
    reason = targets.arena(int8.with_name("dynamic_int8.tflite").read_bytes())
    assert arena > 1000 and "CONV_2D multiplies float inputs" in reason
    row = dict.fromkeys(matrix.COLUMNS, "") | {"precision": "int8", "result": matrix.PASSES}
    runs = row | {"architecture": "lenet5", "tflite_micro": str(arena)}
    page = matrix.document([runs, row | {"architecture": "capsnet", "tflite_micro": reason}])
    assert f"| `lenet5` | {arena:,} bytes |" in page and f"- `capsnet`: {reason}" in page
    assert "TensorFlow Lite Micro" not in matrix.document([row | {"architecture": "lenet5"}])
