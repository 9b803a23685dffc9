"""Every notebook runs from top to bottom, and the copy in the repository was saved with its outputs."""

import os
import pathlib
import re

import nbclient
import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager

import recipes

NOTEBOOKS = sorted((pathlib.Path(__file__).parents[2] / "tutorials").glob("*.ipynb"))
PACKAGES = pathlib.Path(recipes.__file__).parents[1]
# Logs of C++ libraries go to the terminal; warnings of Python still reach the notebook.
QUIET = ["--IPKernelApp.capture_fd_output=False"]
PLACES = re.compile(r"/(?:home|root|tmp|Users|work|var|mnt|opt)/\w|[A-Z]:\\\\|site-packages")


def execute(notebook, folder):
    """Runs `notebook` in place, in the empty `folder`, with this Python and these packages."""
    specs, work = folder / "kernels", folder / "work"
    write_kernel_spec(str(specs / "python3"), extra_arguments=QUIET)
    work.mkdir()
    manager = KernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs)], ensure_native_kernel=False),
    )
    environment = os.environ | {
        "PYTHONPATH": str(PACKAGES),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    client = nbclient.NotebookClient(
        notebook,
        km=manager,
        timeout=600,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(work)}},
    )
    client.execute(env=environment, cleanup_kc=True)
    return work


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def texts(notebook):
    """What a reader of the outputs sees as text."""
    for output in outputs(notebook):
        yield output.get("text", "")
        yield from (data for kind, data in output.get("data", {}).items() if kind.startswith("text/"))


def noise(notebook):
    return [o for o in outputs(notebook) if o.output_type == "error" or o.get("name") == "stderr"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_runs_from_top_to_bottom(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    committed = [len(cell.get("outputs", [])) for cell in notebook.cells]
    work = execute(notebook, tmp_path)
    assert not noise(notebook)
    assert [len(cell.get("outputs", [])) for cell in notebook.cells] == committed
    assert not list(work.iterdir()), "the notebook leaves files behind"


def test_was_saved_after_a_run_from_top_to_bottom(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    assert not noise(notebook)


def test_outputs_name_no_place_of_a_machine(path):
    notebook = nbformat.read(path, as_version=4)
    found = [text for text in texts(notebook) if PLACES.search(text) or str(pathlib.Path.home()) in text]
    assert not found
