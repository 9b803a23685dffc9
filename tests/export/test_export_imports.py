"""Importing the package is instant and knows nothing of the rest of the project."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import export

HEAVY = ("tensorflow", "keras", "numpy", "ai_edge_litert", "ai_edge_quantizer", "jax")


def loaded_by(code):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    return set(run.stdout.split())


def test_import_loads_nothing_heavy():
    assert loaded_by("import export; dir(export); export.PRECISIONS; export.ExportError").isdisjoint(HEAVY)


def test_reading_and_running_files_needs_neither_tensorflow_nor_keras():
    loaded = loaded_by("import export; export.inspect, export.load, export.quantize, export.benchmark")
    assert loaded.isdisjoint({"tensorflow", "keras"})


def test_it_imports_neither_zoo_nor_recipes():
    sources = Path(export.__file__).parent.rglob("*.py")
    lines = [line.split() for source in sources for line in source.read_text().splitlines()]
    imported = {words[1].partition(".")[0] for words in lines if words[:1] in (["import"], ["from"])}
    assert "numpy" in imported
    assert imported.isdisjoint({"zoo", "recipes"})


@pytest.mark.parametrize("name", export.__all__)
def test_every_public_name_is_there(name):
    assert getattr(export, name) is not None
    assert name in dir(export)


def test_a_name_stays_what_it_is_when_its_module_is_imported():
    import export.benchmarking
    import export.quantization
    import export.verification

    assert callable(export.benchmark)
    assert callable(export.verify)
    assert callable(export.quantize)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="to_onnx"):
        _ = export.to_onnx


@pytest.mark.parametrize(
    ("child", "parent"),
    [("ExportError", RuntimeError), ("InvalidInput", ValueError), ("InvalidFile", ValueError)],
)
def test_errors_are_what_callers_expect(child, parent):
    assert issubclass(getattr(export, child), parent)
