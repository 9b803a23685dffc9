"""The table that ships is the one that the code gives."""

import pytest

import zoo
from zoo import registry, table


def test_facts_cover_the_registry():
    assert list(zoo.facts()) == zoo.list_models()
    kinds = {facts.kind for facts in zoo.facts().values()}
    assert kinds == {"autoencoder", "classifier", "decoder", "segmenter"}


@pytest.mark.parametrize("name", zoo.list_models())
def test_facts_are_those_of_the_model(name):
    facts = table.measured(name)
    assert zoo.facts()[name] == facts, "run `python -m zoo.table --write`"
    assert facts.macs > 0
    assert facts.summary.endswith(".")


def test_a_stale_table_is_noticed_and_rewritten(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "architectures.csv"
    monkeypatch.setattr(table, "PATH", copy)
    monkeypatch.setattr(registry, "ARCHITECTURES", {"lenet5": registry.ARCHITECTURES["lenet5"]})
    assert table.main([]) == 1
    assert "--write" in capsys.readouterr().err
    assert table.main(["--write"]) == 0
    assert table.main([]) == 0
    copy.write_text(copy.read_text().replace("61706", "61707"))
    assert table.main([]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["architectures.csv"]
