"""The table of results: gathered from runs by the program, shown by `edgezoo list`."""

import json
import shutil

import pytest

from recipes import measures, results, rundir
from recipes.errors import RecipeError


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FILE", tmp_path / "results.csv")
    monkeypatch.setattr(measures, "FILE", tmp_path / "measures.csv")
    return tmp_path / "results.csv"


def variant(run, path, seed, **values):
    """A copy of a run, as another seed of it with an accuracy of its own, and other values."""
    shutil.copytree(run.path, path)
    recipe = json.loads((path / "recipe.json").read_text()) | {"seed": seed} | values
    (path / "recipe.json").write_text(json.dumps(recipe))
    metrics = json.loads((path / "metrics.json").read_text())
    metrics["test"]["accuracy"] = 0.9 + seed / 100
    (path / "metrics.json").write_text(json.dumps(metrics))
    return path


def test_row_of_two_runs(finished_run, table, tmp_path, edgezoo):
    paths = [variant(finished_run.run, tmp_path / f"seed{s}", s) for s in (2, 1)]
    results.gather(paths)
    (row,) = results.read()
    assert tuple(row) == results.COLUMNS
    assert (row["recipe"], row["model"], row["data"], row["metric"]) == (
        "lenet5_digits",
        "lenet5",
        "digits",
        "accuracy",
    )
    assert [float(row[k]) for k in ("mean", "min", "max")] == pytest.approx([0.915, 0.91, 0.92])
    assert row["seeds"] == "1 2" and row["expected"] == "accuracy ≥ 0.97"
    report = finished_run.report.file("int8")
    assert int(row["int8_bytes"]) == report.contents.bytes
    assert float(row["int8_metric"]) == pytest.approx(report.metrics["accuracy"], rel=1e-4)
    assert float(row["int8_ms"]) == pytest.approx(report.benchmark.median_ms, rel=1e-3)
    assert row["parameters"] == str(rundir.open_run(paths[0]).metrics()["parameters"])
    shown = json.loads(edgezoo("list", "recipes", "lenet5_digits", "--json").out)[0]
    assert shown["test split, measured"] == "accuracy 0.915 (0.91 to 0.92, 2 seeds)"
    assert shown["int8 bytes"] == report.contents.bytes


def test_other_rows_stay(finished_run, table, tmp_path):
    table.write_text(",".join(results.COLUMNS) + "\nvae_mnist" + ",1" * (len(results.COLUMNS) - 1) + "\n")
    results.gather([variant(finished_run.run, tmp_path / "seed3", 3)])
    assert [row["recipe"] for row in results.read()] == ["lenet5_digits", "vae_mnist"]
    assert results.sentence(results.read()[0]) == "accuracy 0.93 (1 seed)"


def test_runs_of_different_values_are_not_mixed(finished_run, table, tmp_path):
    paths = [
        variant(finished_run.run, tmp_path / "a", 1),
        variant(finished_run.run, tmp_path / "b", 2, epochs=9),
    ]
    with pytest.raises(RecipeError, match="different values of 'lenet5_digits'"):
        results.gather(paths)
    assert not table.exists()


def test_same_seed_counts_once(finished_run, table, tmp_path):
    paths = [variant(finished_run.run, tmp_path / name, 1) for name in "ab"]
    with pytest.raises(RecipeError, match="seed 1"):
        results.gather(paths)


def test_unfinished_run_is_refused(finished_run, table, tmp_path):
    path = variant(finished_run.run, tmp_path / "a", 1)
    (path / "metrics.json").unlink()
    with pytest.raises(RecipeError, match="not finished.*--resume"):
        results.gather([path])


def test_recipe_without_a_row():
    assert results.sentence({}) == "not measured"
