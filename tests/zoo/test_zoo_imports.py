"""What importing the package pulls into a fresh process, and what its source imports."""

import ast
import pathlib
import subprocess
import sys

import pytest

import zoo

PACKAGE = pathlib.Path(zoo.__file__).parent
BACKENDS = {"keras", "tensorflow", "jax", "torch", "numpy"}


def modules_after(code):
    """The top-level modules that a fresh process holds after `code`."""
    code += "\nimport sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import zoo",
        "import zoo; zoo.list_models()",
        "import zoo; zoo.facts()",
        "import zoo; zoo.UnknownArchitecture",
    ],
)
def test_loads_no_backend(code):
    assert not modules_after(code) & (BACKENDS | {"export", "recipes"})


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_source_knows_no_backend(path):
    allowed = {"keras", "numpy", "zoo"} | set(sys.stdlib_module_names)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            continue
        assert {name.partition(".")[0] for name in names} <= allowed
