"""What is seen while a model trains, against NumPy; and that training does not notice."""

import csv
import json
import math
import re
import shutil

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from recipes import diagnostics, pipeline, registry, rundir
from recipes.diagnostics import readings
from recipes.diagnostics.callback import _option
from recipes.diagnostics.findings import Watch
from recipes.diagnostics.probing import Probe
from recipes.diagnostics.readings import Reading
from recipes.training.fit import compile_trainee

RNG = np.random.default_rng(0)


def probe_of(model, x, y, **values):
    """A probe of `model` as `lenet5_digits` would train it, or with other values."""
    recipe = registry.get("lenet5_digits", **{"augmentation.translation": (0, 0), **values})
    trainee = compile_trainee(recipe, model, 10, 0, x.shape[1:])
    return Probe(trainee, x, y), trainee


def chain(weights, x, y):
    """The gradient norm of each dense layer of a deep linear network under cross-entropy, by NumPy alone."""
    kernels, biases = weights[::2], weights[1::2]
    inputs = [x.reshape(len(x), -1)]
    for kernel, bias in zip(kernels, biases, strict=True):
        inputs.append(inputs[-1] @ kernel + bias)
    shares = np.exp(inputs[-1]) / np.exp(inputs[-1]).sum(axis=1, keepdims=True)
    slope = (shares - np.eye(shares.shape[1])[y]) / len(x)
    norms = []
    for kernel, given in zip(kernels[::-1], inputs[-2::-1], strict=True):
        norms.append(math.hypot(np.linalg.norm(given.T @ slope), np.linalg.norm(slope.sum(axis=0))))
        slope = slope @ kernel.T
    return norms[::-1], inputs[1:]


def test_gradients_and_activations_of_a_deep_linear_network():
    keras.utils.set_random_seed(0)
    model = zoo.create("deep_linear_network", input_shape=(6, 6, 1), units=12, depth=7, classes=10)
    x, y = RNG.random((20, 6, 6, 1), np.float32), RNG.integers(0, 10, 20)
    probe, trainee = probe_of(model, x, y)
    weights = probe.weights()
    loss, norms, activations = probe(weights)
    expected, outputs = chain([w.astype(np.float64) for w in weights], x, y)
    assert list(norms) == list(activations) == [f"layer{i}_dense" for i in range(1, 7)] + ["logits"]
    np.testing.assert_allclose(list(norms.values()), expected, rtol=1e-4)
    ranges = [(out.min(), out.max()) for out in outputs]
    np.testing.assert_allclose([a[:2] for a in activations.values()], ranges, rtol=1e-4)
    assert all(math.isnan(a[2]) for a in activations.values())
    assert loss == pytest.approx(float(trainee.evaluate(x, y, verbose=0, return_dict=True)["loss"]), rel=1e-4)


def test_updates_as_shares_of_the_kernels():
    model = zoo.create("deep_linear_network", input_shape=(6, 6, 1), units=12, depth=2, batch_norm=True)
    x, y = RNG.random((4, 6, 6, 1), np.float32), RNG.integers(0, 10, 4)
    probe, _ = probe_of(model, x, y)
    before = probe.weights()
    after = [value + RNG.normal(size=value.shape).astype(np.float32) for value in before]
    kernels = {"layer1_dense": 0, "logits": 3}  # between them gamma and beta
    expected = {
        name: np.linalg.norm(after[i] - before[i]) / np.linalg.norm(before[i]) for name, i in kernels.items()
    }
    assert probe.ratios(before, after) == pytest.approx(expected, rel=1e-5)


def test_dead_units_are_counted():
    image = keras.Input((6, 6, 1))
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = shared(layers.Concatenate()([image] * 4))
    x = layers.ReLU(name="relu")(layers.Conv2D(5, 3, name="plain")(shared(x)))
    x = layers.Dense(8, activation="relu", name="dense")(layers.Flatten()(x))
    x = layers.LeakyReLU(name="leaky")(x)
    model = keras.Model(image, layers.Dense(10, name="logits")(x))
    for name, dead in {"shared": 1, "plain": 2, "dense": 6}.items():
        layer = model.get_layer(name)
        layer.kernel.assign(np.abs(layer.kernel))
        layer.bias.assign([-1e4] * dead + [0.1] * (layer.bias.shape[0] - dead))
    probe, _ = probe_of(model, RNG.random((9, 6, 6, 1), np.float32), RNG.integers(0, 10, 9))
    _, _, activations = probe(probe.weights())
    found = {name: dead for name, (_, _, dead) in activations.items() if not math.isnan(dead)}
    assert found == pytest.approx({"shared": 1 / 4, "relu": 2 / 5, "dense": 6 / 8})


def test_a_look_leaves_nothing_behind():
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv")(image))
    x = layers.Dropout(0.5, seed=3)(layers.Flatten()(x))
    penalty = {"activity_regularizer": keras.regularizers.L2(0.1), "name": "logits"}
    model = keras.Model(image, layers.Dense(10, **penalty)(x))
    x, y = RNG.random((16, 8, 8, 1), np.float32), RNG.integers(0, 10, 16)
    probe, trainee = probe_of(model, x, y, **{"augmentation.translation": (0.2, 0.2)})
    before = [np.array(v) for v in [*trainee.variables, *trainee.optimizer.variables]]
    seen = [probe(probe.weights()) for _ in range(2)]
    after = [*trainee.variables, *trainee.optimizer.variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert len([v for v in trainee.variables if v.name == "seed_generator_state"]) >= 2
    np.testing.assert_equal(seen[0], seen[1])
    assert all("call" not in vars(layer) for layer in model.layers)


def test_frozen_layers_have_no_gradient():
    model = zoo.create("deep_linear_network", input_shape=(6, 6, 1), units=12, depth=3)
    model.get_layer("layer1_dense").trainable = False
    probe, _ = probe_of(model, RNG.random((4, 6, 6, 1), np.float32), RNG.integers(0, 10, 4))
    weights = probe.weights()
    assert list(probe(weights)[1]) == list(probe.ratios(weights, weights)) == ["layer2_dense", "logits"]
    model.get_layer("layer1_dense").trainable = True  # as layer after layer is while a model is fine-tuned
    assert list(probe(probe.weights())[1]) == ["layer1_dense", "layer2_dense", "logits"]


def look(step, *norms, dead=None):
    """A look at layers with these gradient norms."""
    names = [f"layer{i}" for i in range(1, len(norms) + 1)]
    return [
        Reading(step, 1, name, norm, 0.001, dead, -1.0, 1.0) for name, norm in zip(names, norms, strict=True)
    ]


def test_vanishing_gradients_of_a_deep_sigmoid_network():
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 1))
    x = layers.Flatten()(image)
    for i in range(1, 9):
        x = layers.Dense(16, activation="sigmoid", name=f"layer{i}")(x)
    model = keras.Model(image, layers.Dense(10, name="logits")(x))
    probe, _ = probe_of(model, RNG.random((16, 6, 6, 1), np.float32), RNG.integers(0, 10, 16))
    _, norms, _ = probe(probe.weights())
    assert norms["layer1"] < 1e-4 * norms["logits"]
    watch = Watch(" (arguments.batch_norm=true)")
    assert watch.add(look(0, *norms.values())) == []  # one look may deceive
    (finding,) = watch.add(look(50, *norms.values()))
    assert finding.kind == "vanishing gradients" and finding.step == 50
    assert "that of layer1 is" in finding.message and "that of layer9" in finding.message
    assert "batch normalisation (arguments.batch_norm=true)" in finding.remedy
    assert watch.add(look(100, *norms.values())) == []  # said once


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        ([(1, 1), (1, float("nan"))], "Exploding gradients at step 1: that of layer2 is nan"),
        ([(5e4, 1), (6e4, 1)], "Exploding gradients at step 1: that of layer1 is 6.0e[+]04 times"),
        ([(0.0, 1), (0.0, 1)], "Vanishing gradients at step 1: that of layer1 is zero"),
        ([(0.0, 0.0)] * 2, "no gradient at all reaches layer2"),
        ([(1, 1)] * 6 + [(300, 300)] * 2, "Exploding gradients at step 7: their norm is 424, and was 1.41"),
    ],
)
def test_findings(looks, said):
    watch = Watch()
    found = [str(f) for step, norms in enumerate(looks) for f in watch.add(look(step, *norms))]
    assert len(found) == 1
    assert re.search(said, found[0])


def test_healthy_training_is_not_warned_of():
    watch = Watch()
    assert not any(watch.add(look(step, 2.0, 0.01, 1.0, dead=0.4)) for step in range(20))
    assert not any(watch.add(look(step, *n)) for step, n in enumerate([(1e-9, 1), (1, 1), (1e-9, 1)]))
    watch.add(look(21, 1, 1, dead=0.75))
    (finding,) = watch.add(look(22, 1, 1, dead=0.75))
    assert finding.message.startswith("Dead units at step 22: 75% of the units of layer1")


def test_the_remedy_names_the_architectures_own_value():
    assert _option(registry.get("deep_linear_network_mnist")) == " (arguments.batch_norm=true)"
    assert _option(registry.get("deep_linear_network_batch_norm_mnist")) == ""
    assert _option(registry.get("lenet5_digits")) == ""


VALUES = {"epochs": 3, "batch_size": 256}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same short run with diagnostics and without, and what the first one said."""
    folder, said = tmp_path_factory.mktemp("pair"), []
    runs = []
    for name, every in (("off", 0), ("on", 2)):
        run = pipeline.start(
            registry.get("lenet5_digits", **VALUES, **{"diagnostics.every": every}), folder / name
        )
        pipeline.train(run, (lambda *told: said.append(told[0])) if every else None)
        runs.append(run)
    return *runs, said


def test_training_does_not_notice(pair):
    off, on, _ = pair
    assert off.history() == on.history()
    last = [np.load(run.path / "checkpoints" / "epoch_0003.npz") for run in (off, on)]
    assert all(np.array_equal(last[0][name], last[1][name]) for name in last[0].files)  # the optimiser's too
    assert not (off.path / "diagnostics.csv").exists() and diagnostics.found(off.path) == []


def test_everything_seen_is_written(pair):
    _, on, said = pair
    rows = readings.read(on.path)
    assert sorted({r.step for r in rows}) == list(range(0, 15, 2))  # 5 steps an epoch
    assert {r.epoch for r in rows if r.step == 10} == {3}
    assert [r.layer for r in readings.looks(rows)[0]] == ["c1", "c3", "c5", "f6", "logits"]
    assert all(r.gradient_norm > 0 and r.minimum < r.maximum for r in rows)
    assert all(r.update_ratio > 0 for r in rows if r.step)
    summary = json.loads((on.path / "diagnostics.json").read_text())
    assert summary["every"] == 2 and summary["findings"] == diagnostics.found(on.path)
    assert (on.path / "plots" / "diagnostics.png").stat().st_size > 30_000
    assert not any("TensorBoard" in text for text in said)


def test_tensorboard_reads_the_events(pair):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, on, _ = pair
    events = EventAccumulator(str(on.path / "tensorboard")).Reload()
    rows = [r for r in readings.read(on.path) if r.layer == "c3"]
    for tag, field in (("gradient norm", "gradient_norm"), ("update to weight", "update_ratio")):
        scalars = events.Scalars(f"{tag}/c3")
        assert [s.step for s in scalars] == [r.step for r in rows]
        np.testing.assert_allclose([s.value for s in scalars], [getattr(r, field) for r in rows], rtol=1e-6)


def test_a_resumed_run_has_seen_the_same(pair, tmp_path):
    """Killed in its last epoch, after its readings were written and before its checkpoint was."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, on, _ = pair
    run = rundir.open_run(shutil.copytree(on.path, tmp_path / "run"))
    run.model_file.unlink()
    (run.path / "checkpoints" / "epoch_0003.npz").unlink()
    (run.path / "history.csv").unlink()
    pipeline.train(run)
    with (on.path / readings.FILE).open() as whole, (run.path / readings.FILE).open() as resumed:
        assert list(csv.reader(whole)) == list(csv.reader(resumed))
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    assert [s.step for s in events.Scalars("gradient norm/c3")] == list(range(0, 15, 2))


def test_the_command_line(edgezoo, tmp_path, capsys):
    values = ["--set", "epochs=1", "--set", "batch_size=512", "--set", "diagnostics.examples=16"]
    ended = edgezoo("train", "lenet5_digits", "--diagnostics", *values, "--out", tmp_path / "run", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["diagnostics"] == []
    assert rundir.open_run(tmp_path / "run").recipe.diagnostics.every == 50
    from recipes.cli import diagnosing

    wrong = {"message": "Dead units at step 3: all.", "remedy": "a leaky ReLU"}
    (tmp_path / "run" / "diagnostics.json").write_text(json.dumps({"findings": [wrong]}))
    diagnosing.print_findings(rundir.open_run(tmp_path / "run"))
    assert "warning Dead units at step 3: all. Usual remedies: a leaky ReLU." in capsys.readouterr().err


JAX = """
import sys
from recipes import pipeline, registry
from recipes.diagnostics import readings
histories = []
for every in (0, 3):
    values = {"epochs": 1, "batch_size": 256, "diagnostics.every": every}
    run = pipeline.start(registry.get("lenet5_digits", **values), f"{sys.argv[1]}/{every}")
    pipeline.train(run)
    histories.append((run.history(), [w.tolist() for w in run.model().get_weights()]))
assert histories[0] == histories[1]
print(*[r.step for r in readings.read(run.path) if r.layer == "c1"])
"""


def test_jax_does_not_notice_either(process, tmp_path, jax_backend):
    child = process(tmp_path, command=("-c", JAX), **jax_backend)
    out, err = child.communicate()
    assert child.returncode == 0, err
    assert out.split() == ["0", "3"]
