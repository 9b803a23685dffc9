"""Planning from any process: what can be refused is refused here, and a process of its own compiles."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

import msgspec

from recipes import errors
from recipes.errors import RecipeError, TrainingError
from recipes.planning.child import Answer, Request
from recipes.planning.chips import topology as find_topology
from recipes.planning.described import describe

LIMIT = 3600  # seconds
EXTRA = "pip install edgezoo[tpu]"
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_LINES = 3  # of a process that ended badly, which an error quotes


def plan(recipe, topology="v5e:2x2", search=True, limit=LIMIT, progress=None):
    """What the recipe's training step needs of a TPU, by the TPU's compiler on this machine.

    Without the package `libtpu` the step is only lowered for a TPU: `proof` of the `Plan` says which.

    Args:
        recipe: A `recipes.recipe.Recipe`.
        topology: Such as `v5e:2x2`.
        search: Whether the largest batch that fits is looked for.
        limit: Seconds after which it is given up.
        progress: Called as `progress(stage, done, total)`.

    Raises:
        RecipeError: There is no such topology, or the recipe's values can't be used.
        TrainingError: The step can't be compiled for a TPU, or not within the limit; JAX is not installed.
    """
    found = find_topology(topology)
    _check(recipe)
    request = Request(recipe=recipe, data=describe(recipe, progress), topology=topology, search=search)
    with tempfile.TemporaryFile() as said:
        process = _start(found, said)
        with _ended_after(process, limit) as late:
            answers = _answers(process, request, progress)
        if late.is_set():
            raise TrainingError(
                f"planning {recipe.name} for {topology} took more than {limit} seconds; give it longer with "
                "--limit, or leave the search out with --no-search"
            )
        return _outcome(answers, process, said)


def _check(recipe):
    import importlib.util

    import zoo
    from recipes.registry import closest

    if recipe.model not in (*zoo.list_models(), *zoo.list_models("keras/*")):
        raise RecipeError(
            f"there is no architecture {recipe.model!r}.{closest(recipe.model, zoo.list_models())} "
            "`edgezoo list models` shows all"
        )
    if importlib.util.find_spec("jax") is None:
        raise TrainingError(f"planning for a TPU needs JAX, which is not installed: {EXTRA}")


def environment(topology):
    """The variables under which JAX compiles for a TPU that is not there, and tries to reach none."""
    return {
        **os.environ,
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # several plans at a time; a TPU itself is for one process alone
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH")))),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TPU_ACCELERATOR_TYPE": topology.accelerator_type,
        "TPU_MIN_LOG_LEVEL": "3",
        "TPU_STDERR_LOG_LEVEL": "3",
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_WORKER_ID": "0",
    }


def _start(topology, said):
    """The process, in a session of its own: an interrupt is for this one, which then ends the other."""
    return subprocess.Popen(
        [sys.executable, "-m", "recipes.planning.child"],
        env=environment(topology),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        text=True,
        start_new_session=True,
    )


@contextlib.contextmanager
def _ended_after(process, limit):
    """Yield an event that is set where the process had to be ended after `limit` seconds; it never stays."""
    late = threading.Event()

    def end():
        late.set()
        process.kill()

    timer = threading.Timer(limit, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def _answers(process, request, progress):
    """The last answer; those before it are told to `progress`."""
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(msgspec.json.encode(request).decode() + "\n")
        process.stdin.flush()
    last = Answer()
    for line in process.stdout:
        last = msgspec.json.decode(line, type=Answer)
        if last.plan or last.error:
            return last
        if progress:
            progress(last.message, 0, 0)
    process.wait()
    return last


def _outcome(answer, process, said):
    if answer.plan:
        return answer.plan
    if answer.error:
        raise getattr(errors, answer.error)(answer.message)
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()[-_LINES:]
    raise TrainingError(
        f"the step could not be made for a TPU; the process that compiles ended with code "
        f"{process.returncode}: {' '.join(lines) or 'no message'}"
    )
