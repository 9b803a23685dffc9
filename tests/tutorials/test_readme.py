"""What README.md and docs/extending.md show is current, and their code does what it says."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import recipes
from recipes import readme, results
from recipes.errors import RecipeError

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = pathlib.Path(recipes.__file__).parents[1]
EXTENDING = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README + EXTENDING, flags=re.DOTALL)
ROW = dict.fromkeys(results.COLUMNS, "") | {
    "recipe": "lenet5_digits",
    "model": "lenet5",
    "data": "digits",
    "parameters": "61706",
    "metric": "accuracy",
    "mean": "0.98607",
    "min": "0.98329",
    "max": "0.98886",
    "seeds": "0 1 2",
    "shift_consistency": "0.931",
    "expected": "accuracy ≥ 0.97",
    "float32_metric": "0.98607",
    "float32_bytes": "250304",
    "float32_ms": "0.0261",
    "int8_metric": "0.98514",
    "int8_bytes": "72200",
    "int8_ms": "0.0254",
    "processor": "Some Processor",
    "cores": "4",
    "date": "2026-03-02",
    "keras": "3.15.1",
    "tensorflow": "2.21.0",
}


def block(start):
    """The one Python block that begins with `start`."""
    (found,) = [text for text in BLOCKS if text.startswith(start)]
    return found


def python(folder, *arguments, packages):
    environment = os.environ | {"PYTHONPATH": str(packages), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the packages with the architecture and the recipe of docs/extending.md in it."""
    root = tmp_path_factory.mktemp("extended")
    for package in ("zoo", "recipes", "export"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGES / package, root / package, ignore=ignored)
    for start, file in {
        '"""All-CNN,': "zoo/classifiers/all_cnn.py",
        '"""Recipes on Kuzushiji': "recipes/catalog/kmnist.py",
    }.items():
        assert f"`{file}`" in EXTENDING
        (root / file).write_text(block(start), encoding="utf-8")
    for start, opening, file in (
        ('    "all_cnn"', "ARCHITECTURES = {", "zoo/registry.py"),
        ('    "kmnist"', "MODULES = (", "recipes/catalog/__init__.py"),
    ):
        text = (root / file).read_text(encoding="utf-8")
        assert text.count(opening) == 1
        (root / file).write_text(text.replace(opening, f"{opening}\n{block(start)}"), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def short_run(extended, tmp_path_factory):
    """That recipe, run for one epoch in the extended copy."""
    folder = tmp_path_factory.mktemp("short")
    python(extended, "-m", "zoo.table", "--write", packages=extended)
    values = ("data=digits", "epochs=1", 'precisions=["float32","int8"]')
    settings = [word for value in values for word in ("--set", value)]
    python(folder, "-m", "recipes", "run", "all_cnn_kmnist", "--out", "run", *settings, packages=extended)
    return folder


def test_table_is_current():
    assert readme.updated(README, results.read()) == README


def test_marks_are_needed():
    with pytest.raises(RecipeError, match="written by"):
        readme.updated("# edgezoo\n", [])


def test_text_around_the_table_stays():
    text = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"
    changed = readme.updated(text, [ROW])
    assert changed.startswith(f"before\n{readme.BEGIN}\n| recipe")
    assert changed.endswith(f"{readme.END}\nafter\n")
    assert "old" not in changed
    assert readme.updated(changed, [ROW]) == changed


def test_table_shows_what_was_measured():
    lines = readme.table([ROW]).splitlines()
    assert lines[2] == (
        "| `lenet5_digits` | `lenet5` | `digits` | 61,706 | accuracy 0.9861 (0.9833 to 0.9889, 3 seeds) "
        "| accuracy ≥ 0.97 | 0.931 | 250.3 kB → 72.2 kB | 0.9861 → 0.9851 | 0.0261 → 0.0254 ms |"
    )
    assert {line.count("|") for line in lines[:3]} == {11}
    assert lines[-1].endswith(
        "Measured 2026-03-02 on Some Processor, 4 cores, Keras 3.15.1, TensorFlow 2.21.0."
    )


def test_files_metric_is_named_where_the_recipe_promises_another():
    other = {
        "recipe": "autoencoder_mnist",
        "metric": "relative_to_pca",
        "int8_metric": "4.25",
        "int8_bytes": "",
    }
    cells = readme.table([ROW | other]).splitlines()[2].split(" | ")
    assert cells[-2] == "squared error 0.9861 → 4.25"
    assert cells[-3] == "250.3 kB → –"


def test_dates_span_the_rows():
    later = ROW | {"recipe": "lenet5_mnist", "date": "2026-04-01"}
    assert "Measured 2026-03-02 to 2026-04-01 on Some Processor, 4 cores" in readme.table([ROW, later])


def test_parameter_count_of_the_example(extended):
    count = "import zoo; print(f\"{zoo.create('all_cnn').count_params():,} parameters at the defaults\")"
    printed = python(extended, "-c", count, packages=extended).stdout.strip()
    assert printed in block('"""All-CNN,')


def test_example_recipe_runs(short_run):
    exported = {file.name for file in (short_run / "run" / "export").iterdir()}
    assert {"saved_model", "float32.tflite", "int8.tflite", "report.json"} <= exported


def test_example_is_listed(extended, short_run):
    listed = python(short_run, "-m", "recipes", "list", "models", "all_cnn", packages=extended)
    assert listed.returncode == 0 and "all_cnn" in listed.stdout


def test_picture_shows_the_run(extended, short_run):
    draw = "import sys; from recipes import readme; sys.stdout.write(readme.picture('run'))"
    svg = python(short_run, "-c", draw, packages=extended).stdout.replace("&#160;", " ")
    for shown in (
        "int8.tflite",
        "float32.tflite",
        "accuracy",
        "edgezoo run all_cnn_kmnist",
        "run/export/report.md",
    ):
        assert shown in svg
    assert "http" not in re.sub(r'xmlns="[^"]*"|<!--.*?-->', "", svg)


def test_picture_needs_a_finished_run(tmp_path):
    with pytest.raises(RecipeError, match="recipe.json"):
        readme.picture(tmp_path)


def test_committed_picture():
    svg = (ROOT / "docs" / "run.svg").read_text(encoding="utf-8")
    assert "docs/run.svg" in README
    assert len(svg) < 150_000
    assert all(f"{name}.tflite" in svg for name in ("float32", "float16", "dynamic_int8", "int8", "int16x8"))
    assert not re.search(r"/(?:home|root|tmp|work|Users)/", svg)


def test_python_example_runs(tmp_path):
    done = python(tmp_path, "-c", block("import numpy"), packages=PACKAGES)
    assert done.returncode == 0
    assert "CONV_2D" in done.stdout and "\nTrue " in done.stdout


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
