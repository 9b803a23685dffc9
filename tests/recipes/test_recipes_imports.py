"""What importing `recipes` and asking for lists pulls in, watched from fresh processes."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

import recipes

PACKAGE = pathlib.Path(recipes.__file__).parent
HEAVY = {
    "tensorflow",
    "keras",
    "jax",
    "torch",
    "sklearn",
    "scipy",
    "matplotlib",
    "numpy",
    "tensorflow_datasets",
    "export",
}
COMMAND = "import sys; sys.argv[1:] = {arguments}\nfrom recipes.cli import main\ntry: main()\nexcept SystemExit: pass"


def loaded_after(code, folder=PACKAGE.parent):
    """The top-level modules that a fresh process holds after `code`."""
    code += "\nimport sys; print('\\nLOADED', *sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import recipes; recipes.names(); recipes.get('lenet5_digits', epochs=3)",
        COMMAND.format(arguments=["--help"]),
        COMMAND.format(arguments=["list", "recipes"]),
        COMMAND.format(arguments=["list", "models"]),
        COMMAND.format(arguments=["list", "datasets"]),
    ],
)
def test_starting_up_loads_nothing_heavy(code):
    assert not loaded_after(code) & HEAVY


def test_a_users_own_export_module_is_left_alone(tmp_path):
    (tmp_path / "export.py").write_text("raise RuntimeError('the user’s own')")
    assert "recipes" in loaded_after(
        "import recipes; recipes.names(); import recipes.pipeline", folder=tmp_path
    )


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_export_and_backends_are_imported_where_they_are_used(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert not {name.partition(".")[0] for name in names} & {"export", "tensorflow", "jax", "torch"}


def test_public_names_are_there():
    for name in recipes.__all__:
        assert getattr(recipes, name) is not None
    with pytest.raises(AttributeError, match="'nothing'"):
        recipes.nothing  # noqa: B018
