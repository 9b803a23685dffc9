"""Planning in real processes: every recipe lowered for a TPU, some compiled by the TPU's own compiler."""

import json
import math
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from recipes import pipeline, planning, registry
from recipes.errors import RecipeError, TrainingError
from recipes.planning import described, planner

# Which numbers a weight begins with is no matter: JAX would compile a program for each shape of them.
LOWER_ALL = """
import sys
import keras
import numpy as np
def drawn(self, shape, dtype=None):
    return keras.ops.convert_to_tensor(np.zeros(shape, "float32"), dtype)
keras.initializers.VarianceScaling.__call__ = drawn
from recipes import registry
from recipes.planning import compiling, described, step
for name in registry.names():
    recipe = registry.get(name)
    try:
        with step.training_step(recipe, described.describe(recipe).arrays()) as made:
            size = compiling.lower_only(made, 4, 4)
    except Exception as error:
        print(name, type(error).__name__, str(error)[:500].replace("\\n", " "))
        continue
    print(name, "bytes" if size > 1000 else "nothing", size)
print("tensorflow", "tensorflow" in sys.modules)
"""
HIDE = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] == "libtpu" else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


@pytest.fixture
def without_compiler(tmp_path, monkeypatch):
    """Within the test, processes that are started find no `libtpu`."""
    (tmp_path / "sitecustomize.py").write_text(HIDE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def children():
    """Processes that plan, of this one; a test waits until none is left."""

    def left():
        found = psutil.Process().children(recursive=True)
        return [child for child in found if "recipes.planning.child" in " ".join(child.cmdline())]

    yield left
    assert left() == []


def test_every_recipe_is_lowered_for_a_tpu(jax_backend):
    """Also without TensorFlow, which nothing here imports."""
    environment = jax_backend | planner.environment(planning.topology("v5e:2x2"))
    done = subprocess.run(
        [sys.executable, "-c", LOWER_ALL],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert found.pop("tensorflow", done.stderr) == "False"
    assert {name: text for name, text in found.items() if not text.startswith("bytes ")} == {}
    assert sorted(found) == registry.names()


@pytest.mark.parametrize("recipe", ["anomaly_ecg", "dense_mnist", "lenet5_digits"])
def test_a_step_is_compiled_by_the_tpus_compiler(recipe):
    import zoo

    chosen = registry.get(recipe, batch_size=8)  # the fewer examples, the sooner compiled
    model = pipeline.build(chosen, described.describe(chosen).arrays())
    plan = planning.plan(chosen, "v5e:2x2", search=False)
    assert (plan.proof, plan.fits, plan.chips, plan.hosts) == ("compiled", True, 4, 1)
    assert plan.parameters == model.count_params()
    assert plan.state_bytes < plan.facts.hbm_bytes < plan.facts.limit_bytes < 16 * 2**30
    # Forward and, twice as much, backward; two operations a multiply-accumulate.
    expected = 6 * zoo.describe(model).macs * plan.batch_size / plan.chips
    assert 0.5 * expected < plan.facts.flops < 3 * expected
    # Gradients are summed over the chips, and little else.
    gradients = 4 * sum(math.prod(weight.shape) for weight in model.trainable_variables)
    exchanged = sum(each.bytes for each in plan.facts.collectives if each.kind == "all-reduce")
    assert gradients <= exchanged < 1.2 * gradients
    assert plan.estimate.images_per_second == pytest.approx(plan.batch_size / plan.estimate.seconds)


def test_what_was_compiled_before_is_answered_from_the_cache():
    told = []
    chosen = registry.get("anomaly_ecg", batch_size=8)
    planning.plan(chosen, "v5e:2x2", search=False)
    again = planning.plan(chosen, "v5e:2x2", search=False, progress=lambda stage, *_: told.append(stage))
    assert told[-1].endswith("as was known")
    assert again.facts.seconds > 0


def test_a_batch_that_is_too_large_is_an_answer(edgezoo):
    values = ("--set", "features.image_size=512,512", "--set", "batch_size=53998")
    ended = edgezoo("plan", "lenet1_mnist", *values, "--no-search")
    assert ended.code == 1
    assert "does not fit" in ended.out
    assert "GiB of 15.75 GiB" in ended.out
    assert "53998 examples cannot be spread evenly over 4 chips: planned with 53996" in ended.err
    batch = int(re.search(r"--set batch_size=(\d+), which memory suggests", ended.err).group(1))
    assert batch % 4 == 0
    assert 0 < batch < 53_996


def test_without_the_compiler_the_step_is_lowered(edgezoo, without_compiler):
    ended = edgezoo("plan", "lenet5_digits", "--topology", "v5e:4x4")
    assert ended.code == 0
    assert "lowered for a TPU, not compiled" in ended.out
    assert "16, on 4 hosts, a process on each" in ended.out
    assert "pip install edgezoo[tpu]" in ended.err
    assert "nothing of memory or time" in ended.err
    as_json = json.loads(edgezoo("plan", "lenet5_digits", "--json").out)
    assert (as_json["proof"], as_json["fits"], as_json["facts"]) == ("lowered", None, None)
    assert "libtpu" not in as_json["versions"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": "lenet55"}, "Did you mean 'lenet5'"),
        ({"data": "digits_canvas"}, "a class a pixel"),
        ({"augmentation.mixup": 0.2, "task": "reconstruction"}, "augmentation.mixup"),
    ],
)
def test_values_that_cannot_be_used_are_refused_as_in_training(values, said):
    with pytest.raises(RecipeError, match=said):
        planning.plan(registry.get("lenet5_digits", **values))


def test_a_plan_that_takes_too_long_is_given_up(children):
    with pytest.raises(TrainingError, match="took more than 1 seconds.*--limit"):
        planning.plan(registry.get("lenet5_digits"), limit=1)


def test_an_interrupt_ends_both_processes(process):
    child = process("plan", "lenet5_digits", "--topology", "v5e:2x4")
    compiling = _started(psutil.Process(child.pid))
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "Traceback" not in err
    _, alive = psutil.wait_procs([compiling], timeout=60)
    assert not alive


def _started(parent):
    """The process that compiles, once it is there."""
    for _ in range(600):
        if found := parent.children():
            return found[0]
        time.sleep(0.1)
    raise AssertionError("no process was started")
