"""The program that measures every architecture at every precision."""

import pathlib

import keras
import numpy as np
import pytest

import export
import zoo
from recipes import matrix, untrained


@pytest.fixture
def table(tmp_path, monkeypatch):
    """An empty matrix in a folder of the test's own."""
    monkeypatch.setattr(matrix, "PATH", tmp_path / "matrix.csv")
    monkeypatch.setattr(matrix, "DOCUMENT", tmp_path / "matrix.md")
    return tmp_path


def test_an_architecture_is_measured_in_its_own_process(table, capsys):
    assert matrix.main(["lenet5_modern"]) == 0
    assert "lenet5_modern: 6 of 6 pass" in capsys.readouterr().out
    rows = matrix.read()
    assert [row["precision"] for row in rows] == list(export.PRECISIONS)
    by_precision = {row["precision"]: row for row in rows}
    assert int(by_precision["int8"]["bytes"]) < int(by_precision["float32"]["bytes"])
    assert 0 < float(by_precision["int8"]["rms_error"]) < 0.3
    assert float(by_precision["float32"]["latency_ms"]) > 0
    assert "| `lenet5_modern` | 28×28×1 | 62,384 |" in (table / "matrix.md").read_text()


def test_a_process_that_ends_badly_is_a_result():
    rows = matrix.in_child("no_such_net", limit=60)
    assert [row["precision"] for row in rows] == list(export.PRECISIONS)
    assert all("UnknownArchitecture" in row["result"] for row in rows)


def test_unknown_names_are_refused(table, capsys):
    with pytest.raises(SystemExit) as ended:
        matrix.main(["no_such_net"])
    assert ended.value.code == 2
    assert "'no_such_net'" in capsys.readouterr().err


def test_a_process_that_takes_too_long_is_a_result():
    rows = matrix.in_child("lenet5", limit=0.1)
    assert [row["precision"] for row in rows] == list(export.PRECISIONS)
    assert all("more than 0.1 seconds" in row["result"] for row in rows)


def test_missing_architectures_are_named(table, capsys):
    assert matrix.main(["--check"]) == 1
    assert "resnet8" in capsys.readouterr().out


def test_refusals_are_listed_with_their_reason():
    row = dict.fromkeys(matrix.COLUMNS, "") | {"architecture": "lenet5", "precision": "int8"}
    rows = [row | {"result": "no kernel for X"}]
    page = matrix.document(rows)
    assert "- `lenet5`, int8: no kernel for X" in page
    assert "| refused |" in page


def test_settled_statistics_are_those_of_the_images():
    """Inference on the images then gives what training on them gives."""
    model = zoo.create("lenet5_modern")
    images = np.random.default_rng(0).random((32, 28, 28, 1), dtype="float32")
    assert abs(np.asarray(model(images)) - np.asarray(model(images, training=True))).max() > 1e-2
    untrained.settle(model, images)
    np.testing.assert_allclose(model(images), model(images, training=True), atol=1e-4)
    assert {x.momentum for x in model.layers if isinstance(x, keras.layers.BatchNormalization)} == {0.9}


def test_the_shipped_matrix_is_complete_and_passes():
    rows = matrix.read()
    assert {row["architecture"] for row in rows} == set(matrix.names())
    assert {row["result"] for row in rows} == {"passes"}
    page = pathlib.Path(__file__).parents[2] / "docs" / matrix.DOCUMENT.name  # an installed package has none
    assert page.read_text(encoding="utf-8") == matrix.document(rows)
