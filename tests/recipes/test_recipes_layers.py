"""The program that tries every layer of Keras at every precision."""

import pathlib

import pytest

import export
from recipes import layer_catalog, layers


@pytest.fixture
def table(tmp_path, monkeypatch):
    """An empty table in a folder of the test's own."""
    monkeypatch.setattr(layers, "PATH", tmp_path / "layers.csv")
    monkeypatch.setattr(layers, "DOCUMENT", tmp_path / "layers.md")
    return tmp_path


def test_layers_are_measured_and_refusals_numbered(table, capsys):
    assert layers.main(["Conv3D", "Dense"]) == 0
    assert "Dense: 6 of 6 pass" in capsys.readouterr().out
    rows = {(row["layer"], row["precision"]): row["result"] for row in layers.read()}
    assert set(rows) == {(name, p) for name in ("Conv3D", "Dense") for p in export.PRECISIONS}
    assert rows["Conv3D", "float32"] == "passes"
    assert "split it into 2-D convolutions" in rows["Conv3D", "int8"]
    page = (table / "layers.md").read_text()
    assert "| Dense | ✓ | ✓ | ✓ | ✓ | ✓ | ✓ |" in page
    assert "\n1. " in page


def test_unknown_layers_are_refused(table, capsys):
    with pytest.raises(SystemExit) as ended:
        layers.main(["Densee"])
    assert ended.value.code == 2
    assert "'Densee'" in capsys.readouterr().err


@pytest.mark.parametrize("name", layer_catalog.NAMES)
def test_every_layer_is_a_model_with_weights_to_store(name):
    model, data = layer_catalog.model_of(name, 2)
    assert any(len(weight.shape) > 1 for weight in model.weights)
    assert {x.name: (2, *x.shape[1:]) for x in model.inputs} == {
        key: rows.shape for key, rows in data.items()
    }


def test_the_shipped_table_is_complete():
    rows = layers.read()
    assert {(row["layer"], row["precision"]) for row in rows} == {
        (name, precision) for name in layer_catalog.NAMES for precision in export.PRECISIONS
    }
    page = pathlib.Path(__file__).parents[2] / "docs" / "layers.md"  # an installed package has none
    assert page.read_text(encoding="utf-8") == layers.document(rows)
