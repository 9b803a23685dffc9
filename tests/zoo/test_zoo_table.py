"""The table that ships is the one that the code gives."""

import keras
import pytest

import zoo
from zoo import table


def test_table_is_current():
    assert table.PATH.read_text(encoding="utf-8") == table.rendered(), (
        "run `python -m zoo.table --write`"
    )


def test_facts_cover_the_registry():
    assert list(zoo.facts()) == zoo.list_models()
    kinds = {facts.kind for facts in zoo.facts().values()}
    assert kinds == {"classifier", "autoencoder", "decoder"}


@pytest.mark.parametrize("name", zoo.list_models())
def test_facts_agree_with_keras(name):
    model, facts = zoo.create(name), zoo.facts()[name]
    assert isinstance(model, keras.Model)
    assert facts.parameters == model.count_params()
    assert facts.input_shape == model.input_shape[1:]
    assert facts.macs > 0
    assert facts.summary.endswith(".")


def test_a_stale_table_is_noticed_and_rewritten(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "architectures.csv"
    monkeypatch.setattr(table, "PATH", copy)
    assert table.main([]) == 1
    assert "--write" in capsys.readouterr().err
    assert table.main(["--write"]) == 0
    assert table.main([]) == 0
    copy.write_text(copy.read_text().replace("61706", "61707"))
    assert table.main([]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["architectures.csv"]
