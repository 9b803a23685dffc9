"""Bad input on the command line: a clear message, an exit code, no traceback, and nothing lost."""

import errno
import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from recipes import files, pipeline, registry
from recipes.errors import TrainingError
from recipes.training import checkpoints


def contents(folder):
    return {f: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.rglob("*") if f.is_file()}


def refused(ended, *parts, code=2):
    assert ended.code == code, ended.err
    for part in parts:
        assert str(part) in " ".join(ended.err.split()), ended.err
    assert "Traceback" not in ended.err and "unexpected" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "lenet5_digit"], ["'lenet5_digit'", "'lenet5_digits'"]),
        (["train", "vae"], ["'vae'", "edgezoo list recipes"]),
        (["run"], ["which recipe?", "lenet5_digits"]),
        (["show", "lenet"], ["'lenet'", "'lenet5'"]),
        (["list", "recipe"], ["'recipe'", "'recipes'"]),
        (["list", "models", "none*"], ["'none*'"]),
        (["run", "lenet5_digits", "--set", "epoch=3"], ["'epoch'", "'epochs'"]),
        (["run", "lenet5_digits", "--set", "epochs"], ["'epochs'", "key=value"]),
        (["run", "lenet5_digits", "--set", "epochs=-1"], ["epochs=-1", ">= 1"]),
        (["run", "lenet5_digits", "--set", "batch_size=0"], ["batch_size=0", ">= 1"]),
        (["run", "lenet5_digits", "--set", "optimizer.learning_rate=nan"], ["learning_rate=nan"]),
        (["run", "lenet5_digits", "--set", "precisions=int9"], ["int9", "'int8'"]),
        (["run", "lenet5_digits", "--set", "model=lenet6"], ["'lenet6'", "'lenet5'"]),
        (["run", "lenet5_digits", "--set", "arguments.clases=3"], ["'clases'", "'classes'"]),
        (["run", "lenet5_digits", "--set", "data=minst"], ["'minst'", "'mnist'"]),
        (["run", "lenet5_digits", "--set", "data=folder:nowhere"], ["nowhere", "not a folder"]),
        (["run", "lenet5_digits", "--seed", "-1"], ["seed=-1"]),
        (["run", "lenet5_digits", "--seed", "one"], ["--seed"]),
        (["run", "--resume", "nowhere"], ["nowhere", "recipe.json"]),
        (["run", "lenet5_digits", "--resume", "nowhere"], ["--resume"]),
        (["evaluate", "nowhere"], ["nowhere"]),
        (["evaluate", "nowhere.tflite", "--recipe", "lenet5_digits"], ["nowhere.tflite"]),
        (["export", "nowhere.keras"], ["nowhere.keras"]),
        (["export", "nowhere", "--precision", "int9"], ["'int9'", "'int8'"]),
        (["benchmark", "nowhere.tflite"], ["nowhere.tflite"]),
        (["benchmark", "a.tflite", "--runs", "0"], ["--runs"]),
        (["predict", "nowhere", "a.png"], ["nowhere"]),
        (["trian", "lenet5_digits"], ["trian"]),
        (["run", "lenet5_digits", "--epochs", "3"], ["--epochs"]),
    ],
)
def test_named_with_what_is_possible(edgezoo, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    refused(edgezoo(*arguments), *parts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["run", "train"])
def test_directory_that_holds_another_run(edgezoo, run_copy, verb):
    before = contents(run_copy)
    refused(
        edgezoo(verb, "lenet5_digits", "--out", run_copy),
        run_copy,
        "finished run of 'lenet5_digits'",
        "--resume",
    )
    assert contents(run_copy) == before


def test_directory_that_holds_something_else(edgezoo, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    refused(edgezoo("run", "lenet5_digits", "--out", tmp_path), tmp_path, "not empty")
    refused(edgezoo("run", "lenet5_digits", "--out", tmp_path / "letter.txt"), "letter.txt is a file")
    assert (tmp_path / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("verb", ["evaluate", "export", "train", "run"])
@pytest.mark.parametrize("content", [b"{", b'{"model": "lenet5"}', b"\xff"])
def test_damaged_recipe_json(edgezoo, tmp_path, verb, content):
    (tmp_path / "recipe.json").write_bytes(content)
    target = ["--resume", tmp_path] if verb in ("train", "run") else [tmp_path]
    refused(edgezoo(verb, *target), tmp_path / "recipe.json")


@pytest.mark.parametrize("verb", ["evaluate", "export", "predict"])
def test_run_that_is_not_trained_yet(edgezoo, tmp_path, verb):
    run = pipeline.start(registry.get("lenet5_digits"), tmp_path / "run")
    image = [tmp_path / "a.png"] if verb == "predict" else []
    refused(edgezoo(verb, run.path, *image), "no trained model yet", f"edgezoo train --resume {run.path}")


@pytest.mark.parametrize("damage", ["truncated", "random", "empty", "text"])
@pytest.mark.parametrize("kind", ["model.keras", "export/int8.tflite"])
def test_damaged_file(edgezoo, run_copy, kind, damage):
    file = run_copy / kind
    content = file.read_bytes()
    noise = np.random.default_rng(0).bytes(5000)
    file.write_bytes(
        {"truncated": content[: len(content) // 2], "random": noise, "empty": b"", "text": b"no model\n"}[
            damage
        ]
    )
    calls = [("evaluate", file), ("predict", file, run_copy / "plots" / "learning_curves.png")]
    calls += [("export", run_copy), ("export", file)] if file.suffix == ".keras" else [("benchmark", file)]
    before = contents(run_copy)
    for call in calls:
        refused(edgezoo(*call), file)
    assert contents(run_copy) == before


@pytest.mark.parametrize("damage", ["text", "truncated", "empty"])
def test_image_that_is_none(edgezoo, finished_run, tmp_path, damage):
    file = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(file)
    content = file.read_bytes()
    file.write_bytes({"text": b"no picture", "truncated": content[: len(content) // 2], "empty": b""}[damage])
    refused(edgezoo("predict", finished_run.run.path, file), file, "no image")


def test_folder_without_images(edgezoo, finished_run, tmp_path):
    refused(edgezoo("predict", finished_run.run.path, tmp_path), tmp_path, "no image")


@pytest.mark.parametrize(
    ("array", "parts"),
    [
        (np.zeros((3, 5, 5, 1)), ["(3, 5, 5, 1)", "(28, 28, 1)"]),
        (np.zeros((0, 28, 28, 1)), ["(0, 28, 28, 1)", "empty"]),
        (np.array(["a"]), ["numbers"]),
        (np.array([{}], object), ["a.npy"]),
        (np.full((28, 28, 1), np.nan), ["a.npy", "not finite"]),
    ],
)
def test_array_that_does_not_fit(edgezoo, finished_run, tmp_path, array, parts):
    np.save(tmp_path / "a.npy", array)
    refused(edgezoo("predict", finished_run.run.path, tmp_path / "a.npy"), *parts)


def test_array_file_that_is_none(edgezoo, finished_run, tmp_path):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01")
    refused(edgezoo("predict", finished_run.run.path, tmp_path / "a.npy"), "a.npy")


def test_calibration_of_another_shape(edgezoo, run_copy, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 5, 5, 1), np.float32))
    before = contents(run_copy)
    target = ("export", run_copy / "model.keras", "--calibration", tmp_path / "x.npy")
    refused(edgezoo(*target, "--out", tmp_path / "files"), "(4, 5, 5, 1)")
    refused(edgezoo("export", run_copy, "--calibration", tmp_path / "x.npy"), "leave out --calibration")
    assert contents(run_copy) == before


def test_set_that_cannot_be_downloaded(edgezoo, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "recipes.data.reachable.why_not", lambda urls: "example.org: Name or service not known"
    )
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    monkeypatch.setenv("EDGEZOO_CACHE", str(tmp_path / "cache"))
    ended = edgezoo("run", "lenet5_digits", "--set", "data=kmnist", "--out", tmp_path / "run")
    refused(ended, "'kmnist'", "not prepared", tmp_path / "sets", "tfds build kmnist")
    assert not (tmp_path / "run").exists()


def test_traceback_for_who_wants_it(edgezoo):
    from recipes.errors import RecipeError

    refused(edgezoo("show", "nothing"))
    with pytest.raises(RecipeError, match="nothing"):
        edgezoo("show", "nothing", "--debug")
    refused(edgezoo("show", "nothing"))


def test_error_nobody_foresaw_is_one_line_and_exit_code_1(edgezoo, monkeypatch):
    monkeypatch.setattr(registry, "names", lambda pattern="*": 1 / 0)
    ended = edgezoo("list")
    assert ended.code == 1
    assert "ZeroDivisionError" in ended.err and "--debug" in ended.err and "Traceback" not in ended.err


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["os.replace", "numpy.savez"])
def test_full_disk_while_training(edgezoo, tmp_path, monkeypatch, call):
    run = pipeline.start(registry.get("lenet5_digits", epochs=2, batch_size=256), tmp_path / "run")
    pipeline.prepare(run.recipe)
    before = contents(run.path)
    with monkeypatch.context() as patch:
        patch.setattr(call, full)
        refused(edgezoo("train", "--resume", run.path), run.path, "No space left on device", code=1)
    kept = contents(run.path)
    assert {f: kept[f] for f in before if f.name == "recipe.json"} == {
        f: h for f, h in before.items() if f.name == "recipe.json"
    }
    assert not [f for f in run.path.rglob(".*")]
    assert edgezoo("train", "--resume", run.path).code == 0
    assert len(run.history()) == 2


def test_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, 1, [np.zeros(3)], [])
    before = contents(tmp_path)
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(TrainingError, match=r"epoch_0001\.npz: No space left"):
        checkpoints.save(tmp_path, 1, [np.ones(3)], [])
    assert contents(tmp_path) == before


def test_full_disk_while_exporting(edgezoo, run_copy, monkeypatch):
    before = contents(run_copy)
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    ended = edgezoo("export", run_copy)
    refused(ended, "No space left on device", code=1)
    assert contents(run_copy) == before


def test_files_are_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.json"
    files.write_json(file, {"a": 1})
    with pytest.raises(ZeroDivisionError), files.replacing(file) as scratch:
        scratch.write_text("half")
        raise ZeroDivisionError
    assert file.read_text() == '{\n "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [file]


def test_file_size_limit_of_a_real_process(tmp_path, process):
    code = (
        "import resource, sys; sys.argv[1:] = ['train', 'lenet5_digits', '--set', 'epochs=1', '--set', 'batch_size=256', '--out', sys.argv[1]];"
        "import recipes.pipeline, recipes.training.fit, recipes.registry as r; recipes.pipeline.prepare(r.get('lenet5_digits'));"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from recipes.cli import main; main()"
    )
    child = process(tmp_path / "run", command=("-c", code))
    _, err = child.communicate(timeout=240)
    assert child.returncode == 1, err
    assert "epoch_0001.npz: File too large" in err and "Traceback" not in err
    assert not (tmp_path / "run" / "model.keras").exists()
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
