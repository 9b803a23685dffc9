"""One recipe on one device and on several: the same history, the same weights, and what can't be had."""

import json
import pathlib
import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes import pipeline, registry, rundir
from recipes.errors import RecipeError
from recipes.statistics import repeating
from recipes.training import distribution
from recipes.tuning import searching

# Shares of two sizes, clipped gradients, a penalty: all that a mean over devices would get wrong.
VALUES = {
    "epochs": 2,
    "batch_size": 257,
    "augmentation.translation": (0, 0),
    "optimizer.clip_norm": 0.5,
    "regularization.l2": 1e-3,
}

PROGRAM = """
import json, os, pathlib, sys
values, out, backend = json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]), os.environ["KERAS_BACKEND"]
if backend == "tensorflow":
    import tensorflow as tf
    if len(tf.config.list_physical_devices("GPU")) < 2:
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_visible_devices([], "GPU")
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
import numpy as np
from recipes import pipeline, registry
from recipes.errors import TrainingError
from recipes.training import distribution

class Stop(Exception):
    pass

def train(name, strategy, stop=None, **more):
    run = pipeline.start(registry.get("lenet5_digits", **values | more), out / name)
    told = []
    def progress(stage, done, total):
        told.append(stage)
        if stop and stage.startswith(stop):
            raise Stop
    try:
        pipeline.train(run, progress, strategy)
    except Stop:
        pipeline.train(run)
    (out / name / "told.json").write_text(json.dumps(told))

def train_both(name, **more):
    train(name, single, **more)
    train(f"{name}-several", "mirrored", **more)

def observe(layers):  # what they note of a batch that two devices share, far from zero beside its spread
    taken = distribution.take("mirrored")
    x = np.random.default_rng(0).normal(300, 1, (7, 5, 5, 3)).astype("float32")
    with taken.building():
        image = keras.Input(x.shape[1:])
        normalised = keras.Model(image, keras.layers.BatchNormalization(momentum=0)(image))
        ranged = keras.Model(image, ActivationRange(known=False)(image)[0])
    with normalizing.synchronized(normalised), ranges.followed(ranged):
        for model in (normalised, ranged):
            taken.strategy.run(lambda part, model=model: model(part, training=True), (taken._spread(x),))
    found = {v.name: taken.strategy.experimental_local_results(v.value) for v in (normalised.weights + ranged.weights)}
    np.savez(layers, x=x, **{name: np.stack([v.numpy() for v in each]) for name, each in found.items()})

single = "gpu" if backend == "tensorflow" and tf.config.get_visible_devices("GPU") else "cpu"
train("one", single)
train("several", "mirrored")
train("stopped", "mirrored", stop="epoch 1/")
if backend == "tensorflow":
    import keras
    import recipes
    from export.awareness.ranges import ActivationRange
    from recipes.statistics import repeating
    from recipes.training.distribution import normalizing, ranges
    train_both("accumulated", **json.loads(sys.argv[3]))
    observe(out / "layers.npz")
    short = values | {"epochs": 1}
    seeds = repeating.over_seeds(registry.get("lenet5_digits", **short), [3], out / "seeds")
    repeating.measure(seeds, strategy="mirrored")
    searched = {"space": {"optimizer.learning_rate": "log:1e-3..1e-2"}, "algorithm": "random", "trials": 1}
    recipes.tune("lenet5_digits", out / "search", strategy="mirrored", **searched, **short)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    normalised = {"model": "lenet5_modern", "epochs": 1, "optimizer.name": "sgd", "optimizer.warmup": 0}
    train_both("normalised", **normalised, **{"regularization.l2": 0})
"""

# An update every three of twenty batches: one goes over an epoch's end, and the last two make none.
ACCUMULATED = {
    "batch_size": 129,
    "engine.accumulation": 3,
    "engine.ema": 0.9,
    "optimizer.name": "adamw",
    "optimizer.weight_decay": 0.01,
    "regularization.max_norm": 1.5,
}


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory, process):
    """Runs of one process of TensorFlow that has two devices."""
    return trained(tmp_path_factory.mktemp("mirrored"), process, VALUES, KERAS_BACKEND="tensorflow")


@pytest.fixture(scope="module")
def sharded(tmp_path_factory, process, jax_backend):
    """Runs of one process of JAX that has two devices."""
    environment = jax_backend | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    values = VALUES | {"batch_size": 256, "augmentation.translation": (0.1, 0.1)}
    return trained(tmp_path_factory.mktemp("sharded"), process, values, **environment)


def trained(folder, process, values, **environment):
    child = process(
        json.dumps(values), folder, json.dumps(ACCUMULATED), command=("-c", PROGRAM), **environment
    )
    _, err = child.communicate(timeout=1200)
    assert child.returncode == 0, err
    return folder


def weights(path):
    model = rundir.open_run(path).model()
    return {w.path: np.asarray(w) for w in model.weights}


def assert_alike(one, other, tolerance):
    for row, expected in zip(rundir.open_run(other).history(), rundir.open_run(one).history(), strict=True):
        assert row == pytest.approx(expected, rel=tolerance, abs=1e-6)
    for (name, w), (_, expected) in zip(weights(other).items(), weights(one).items(), strict=True):
        np.testing.assert_allclose(w, expected, rtol=tolerance, atol=2e-5, err_msg=name)


def test_two_devices_learn_what_one_learns(mirrored):
    assert_alike(mirrored / "one", mirrored / "several", 1e-4)


def test_stopped_run_goes_on_where_it_was_trained(mirrored):
    """`pipeline.train` without a strategy takes the one that is written in the run."""
    assert rundir.noted(rundir.open_run(mirrored / "stopped"), "strategy") == "mirrored"
    several, stopped = ((mirrored / name / "history.csv").read_text() for name in ("several", "stopped"))
    assert stopped == several
    for w, expected in zip(
        weights(mirrored / "stopped").values(), weights(mirrored / "several").values(), strict=True
    ):
        np.testing.assert_array_equal(w, expected)


def test_what_was_taken_is_told_and_written_down(mirrored):
    told = json.loads((mirrored / "several" / "told.json").read_text())
    assert any(line.startswith("strategy: mirrored, 2 ") and "128 or 129 of the 257" in line for line in told)
    content = rundir.read_json(mirrored / "several" / "environment.json")
    assert content["strategy"] == "mirrored" and content["devices"].startswith("2 ")
    assert content["learning_rate"] == pytest.approx(2e-3 * (257 / 64) ** 0.5)
    assert any("257/64" in line for line in told)


def test_two_devices_accumulate_clip_decay_bound_and_average_as_one_does(mirrored):
    assert_alike(mirrored / "accumulated", mirrored / "accumulated-several", 1e-4)


def test_batch_normalisation_takes_the_statistics_of_the_whole_batch(mirrored):
    """In float64, where rounding leaves nothing to mistake for another statistic, gradient or momentum."""
    one, several = weights(mirrored / "normalised"), weights(mirrored / "normalised-several")
    assert sum(name.endswith(("moving_mean", "moving_variance")) for name in one) > 4
    for name in one:
        assert one[name].dtype == np.float64
        np.testing.assert_allclose(several[name], one[name], rtol=1e-9, atol=1e-11, err_msg=name)


def test_what_layers_note_of_a_shared_batch(mirrored):
    """The same on both devices, and that of all examples: in float32 also of those that lie far from zero."""
    found = np.load(mirrored / "layers.npz")
    x = found["x"].astype(np.float64)
    expected = {
        "moving_mean": x.mean((0, 1, 2)),
        "moving_variance": x.var((0, 1, 2)),
        "low": x.min(),
        "high": x.max(),
    }
    for name, value in expected.items():
        assert len(found[name]) == 2
        for own in found[name]:
            np.testing.assert_allclose(own, np.broadcast_to(value, own.shape), rtol=1e-4, err_msg=name)


def test_seeds_and_trials_train_where_they_are_told_to(mirrored):
    (seeds,) = (mirrored / "seeds").iterdir()
    assert seeds.name == "lenet5_digits-seed3" and rundir.open_run(seeds).metrics()["test"]["accuracy"] > 0.1
    (trial,) = (path.parent for path in (mirrored / "search" / "trials").glob("*/recipe.json"))
    for path in (seeds, trial):
        assert rundir.noted(rundir.open_run(path), "strategy") == "mirrored"


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_several_runs_are_not_trained_over_machines(backend, monkeypatch):
    """Nor by `auto` where the environment names machines; nothing waits for the others."""
    from recipes.training.distribution import jax_devices, tensorflow_devices

    devices = {"tensorflow": tensorflow_devices, "jax": jax_devices}[backend]
    monkeypatch.setattr(distribution, "_backend", lambda: devices)
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    variable, text = {
        "tensorflow": ("TF_CONFIG", json.dumps(cluster)),
        "jax": ("JAX_COORDINATOR_ADDRESS", "a:1"),
    }[backend]
    for name, words in (("multiworker", "multiworker: runs"), ("auto", "auto, which the environment turns")):
        monkeypatch.setenv(variable, text)
        with pytest.raises(RecipeError, match=f"{words}.*edgezoo train RECIPE --seed N"):
            repeating.measure([(pathlib.Path("nowhere"), registry.get("lenet5_digits"))], strategy=name)
        with pytest.raises(RecipeError, match="KERASTUNER_TUNER_ID"):
            searching.begin(registry.get("lenet5_digits"), "nowhere", strategy=name)
    assert not pathlib.Path("nowhere").exists()


def test_a_search_keeps_its_strategy_until_it_is_given_another(tmp_path):
    from recipes.tuning import search

    found = searching.begin(registry.get("lenet5_digits"), tmp_path / "a", strategy="cpu")
    assert search.open_search(found.path).settings.strategy == "cpu"
    assert searching.extended(found) is found
    searching.extended(found, strategy="auto")
    assert search.open_search(found.path).settings.strategy == "auto"


def test_two_processes_of_jax_learn_what_one_learns(sharded, process, jax_backend, tmp_path):
    """As on two machines: both read all data, each trains on its share, and the first one writes."""
    recipe = rundir.open_run(sharded / "one").recipe
    values = [("epochs", recipe.epochs), ("batch_size", recipe.batch_size), ("optimizer.clip_norm", 0.5)]
    values += [("augmentation.translation", "0.1,0.1"), ("regularization.l2", recipe.regularization.l2)]
    settings = [word for name, value in values for word in ("--set", f"{name}={value}")]
    with socket.create_server(("", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    described = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": address, "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    children = [
        process(
            *("train", "lenet5_digits", *settings, "--out", tmp_path / "run"),
            **jax_backend | described | {"KERAS_DISTRIBUTION_PROCESS_ID": str(index)},
        )
        for index in range(2)
    ]
    ended = [child.communicate(timeout=600)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], ended
    assert "2 processes" in rundir.read_json(tmp_path / "run" / "environment.json")["devices"]
    assert_alike(sharded / "one", tmp_path / "run", 1e-4)


def test_jax_on_two_devices_learns_what_one_learns(sharded):
    """Random changes of the images too: they are drawn for the whole batch."""
    assert_alike(sharded / "one", sharded / "several", 1e-4)
    assert (sharded / "stopped" / "history.csv").read_text() == (
        sharded / "several" / "history.csv"
    ).read_text()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 12))
def test_shares_of_a_batch_are_all_of_it_once(size, replicas):
    from recipes.training.distribution.replicas import Replicas

    alone = Replicas.__new__(Replicas)
    alone.replicas = replicas
    rows = [i for replica in range(replicas) for i in range(size)[alone._share(replica, size)]]
    assert rows == list(range(size))
    if size >= replicas:
        assert all(range(size)[alone._share(replica, size)] for replica in range(replicas))


def test_unknown_strategy(edgezoo, tmp_path):
    ended = edgezoo("train", "lenet5_digits", "--out", tmp_path / "a", "--strategy", "mirored")
    assert ended.code == 2 and "Did you mean 'mirrored'" in ended.err
    assert not (tmp_path / "a").exists()


def test_strategy_that_cannot_be_had_says_what_is_there(edgezoo, tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    ended = edgezoo("train", "lenet5_digits", "--out", tmp_path / "a", "--strategy", "multiworker")
    assert ended.code == 2 and "TF_CONFIG" in ended.err and "TensorFlow sees" in ended.err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["nowhere"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_description_of_workers_that_is_none(text, monkeypatch):
    from recipes.training.distribution import workers

    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(RecipeError, match="TF_CONFIG"):
        workers.from_environment()


def test_chief_counts_as_the_first_worker(monkeypatch):
    from recipes.training.distribution import workers

    jobs = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    for task, index in (("chief", 0), ("worker", 0)):
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": jobs, "task": {"type": task, "index": 0}}))
        cluster = workers.from_environment()
        assert cluster.addresses == ("a:1", "b:1", "c:1")
        assert cluster.index == index + (task == "worker")


def test_auto_takes_what_there_is_and_twice_the_same():
    taken = distribution.take("auto")
    assert taken is distribution.take("auto") is distribution.take(taken.name)
    assert distribution.current() is taken and taken.chief


def test_loading_the_strategies_loads_no_backend(process):
    code = "import sys, recipes.training.distribution as d, recipes.cli.working; print({'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    out, err = process(command=("-c", code)).communicate(timeout=120)
    assert out.strip() == "set()", err


@pytest.mark.parametrize(
    ("values", "rate"),
    [
        ({"batch_size": 256}, 2e-3 * 2),
        ({"batch_size": 16}, 2e-3 / 2),
        ({"batch_size": 256, "optimizer.name": "sgd"}, 2e-3 * 4),
        ({"batch_size": 256, "optimizer.scaling": "linear"}, 2e-3 * 4),
        ({"batch_size": 256, "optimizer.scaling": "none"}, 2e-3),
        ({"batch_size": 256, "optimizer.learning_rate": 2e-3}, 2e-3),
        ({"batch_size": 32, "engine.accumulation": 2}, 2e-3),
        ({"epochs": 3}, 2e-3),
    ],
)
def test_learning_rate_follows_the_batch_size(values, rate):
    recipe = registry.get("lenet5_digits", **values)
    assert recipe.optimizer.learning_rate == pytest.approx(rate)


def test_recipe_of_an_older_run_keeps_its_rate():
    """What a `recipe.json` says was trained: no rule is applied to it again."""
    import msgspec

    older = msgspec.structs.replace(registry.get("lenet5_digits"), batch_size=256)
    assert registry.from_json(msgspec.json.encode(older), "recipe.json") == older


def test_batch_that_cannot_be_shared():
    from recipes.training.distribution.replicas import Replicas

    three = Replicas.__new__(Replicas)
    three.name, three.replicas, three.even = "mirrored", 3, False
    with pytest.raises(RecipeError, match="batch_size=3"):
        three.check(registry.get("lenet5_digits", batch_size=2))
    three.check(registry.get("lenet5_digits", batch_size=4))
    three.even = True
    with pytest.raises(RecipeError, match="batch_size=63"):
        three.check(registry.get("lenet5_digits"))


def test_strategy_is_a_matter_of_the_run(tmp_path):
    run = pipeline.start(registry.get("lenet5_digits"), tmp_path / "a")
    assert "strategy" not in (tmp_path / "a" / "recipe.json").read_text()
    assert rundir.noted(run, "strategy") is None
