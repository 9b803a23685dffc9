"""The command line called in this process, and one small finished run that many tests look at."""

import os
import pathlib
import shutil
import subprocess
import sys
import types
from typing import NamedTuple

import pytest

ROOT = pathlib.Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a call of the command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def edgezoo(monkeypatch, capsys):
    """`edgezoo("run", …)` in this process, an `Ended`."""
    from recipes.cli import main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["edgezoo", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return Ended(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def process():
    """`process("train", …)`: a real `edgezoo` process, a `Popen` with its output as text."""
    started = []

    def start(*arguments, command=("-m", "recipes"), **environment):
        child = subprocess.Popen(
            [sys.executable, *command, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """A run of `lenet5_digits` over two epochs, exported at all precisions; not to be changed."""
    import recipes

    return recipes.run("lenet5_digits", out=tmp_path_factory.mktemp("runs") / "finished", epochs=2)


@pytest.fixture(scope="session")
def context_of():
    """`context_of(train, test)`: two `Split`s with a recipe, as a task is given them."""
    from recipes import registry, tasks

    def made(train, test, recipe="lenet5_digits", **overrides):
        data = types.SimpleNamespace(train=train, test=test, classes=())
        return tasks.Context(registry.get(recipe, **overrides), data)

    return made


@pytest.fixture
def run_copy(finished_run, tmp_path):
    """A copy of the finished run that a test may change."""
    return pathlib.Path(shutil.copytree(finished_run.run.path, tmp_path / "run"))
