"""The page of everything measured says what the runs say."""

import pathlib

import pytest

from recipes import measures, results, rundir

PAGE = pathlib.Path(__file__).parents[2] / "docs" / measures.PAGE.name  # an installed package has none


def rows_of(recipe, rows):
    return {row["metric"]: row for row in rows if row["recipe"] == recipe}


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Both tables in a folder of the test's own."""
    for module in (measures, results):
        monkeypatch.setattr(module, "FILE", tmp_path / f"{module.__name__}.csv")


def test_a_run_is_taken_over(finished_run, tables):
    results.gather([finished_run.run.path])
    taken = rows_of("lenet5_digits", measures.read())
    assert list(taken) == list(finished_run.metrics)
    report = rundir.read_json(finished_run.run.path / "export" / "report.json")
    (int8,) = (file["metrics"] for file in report["files"] if file["precision"] == "int8")
    for metric, row in taken.items():
        assert float(row["mean"]) == pytest.approx(finished_run.metrics[metric], rel=1e-4)
        assert row["int8"] == ("" if metric not in int8 else f"{int8[metric]:.5g}")


def test_other_recipes_stay(finished_run, tables):
    results.gather([finished_run.run.path])
    before = measures.read()
    measures.take_over({})
    assert measures.read() == before


def test_a_spread_is_shown_where_there_is_one():
    row = {
        "recipe": "a",
        "task": "anomaly",
        "metric": "roc_auc",
        "seeds": "0 1",
        "float32": "",
        "int8": "0.5",
    }
    page = measures.page([row | {"mean": "0.6", "min": "0.5", "max": "0.7"}])
    assert "## Anomaly" in page
    assert "| `a` | 0.6 (0.5 to 0.7) / 0.5 |" in page
    assert "| `a` | 0.6 / 0.5 |" in measures.page([row | {"mean": "0.6", "min": "0.6", "max": "0.6"}])


def test_the_shipped_page_is_that_of_the_shipped_table():
    assert PAGE.read_text(encoding="utf-8") == measures.page(measures.read())


def test_both_shipped_tables_hold_the_same_recipes_and_figures():
    for row in results.read():
        measured = rows_of(row["recipe"], measures.read())[row["metric"]]
        assert (measured["mean"], measured["seeds"]) == (row["mean"], row["seeds"])
    assert {row["recipe"] for row in measures.read()} == {row["recipe"] for row in results.read()}
