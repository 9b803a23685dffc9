"""How training is computed: 16-bit arithmetic, XLA, gradients put together, averaged weights, steps a call, memory."""

import keras
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from recipes import pipeline, registry, rundir
from recipes.engine import Engine
from recipes.errors import RecipeError, TrainingError
from recipes.recipe import Optimizer
from recipes.training import checkpoints, engine, fit, optimizer, tuning_integers
from recipes.training.engine import averaging, execution, memory, precision

PLAIN = {
    "features.image_size": None,
    "augmentation.translation": (0, 0),
    "batch_size": 64,
    "epochs": 2,
    "optimizer.learning_rate": 0.01,
}


def recipe_of(**values):
    """`lenet5_digits` on 8×8 pixels without augmentation; `ema=0.9` and the like are values of the engine."""
    own = {(f"engine.{k}" if k in Engine.__struct_fields__ else k): v for k, v in values.items()}
    return registry.get("lenet5_digits", **{**PLAIN, **own})


def network():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(16, "relu"), keras.layers.Dense(10)]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def learnt(folder, model=None, until=None, progress=None, **values):
    """A small network trained on digits: the model and its history."""
    recipe, model = recipe_of(**values), model or network()
    history = fit.fit(recipe, model, pipeline.prepare(recipe), 0, folder, progress, until=until)
    return model, history


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return learnt(tmp_path_factory.mktemp("plain"))


def assert_same(one, other):
    assert one[1] == other[1]
    for a, b in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Values


def test_a_recipe_written_before_there_was_an_engine_is_the_same():
    recipe = registry.get("lenet5_digits")
    content = msgspec.to_builtins(recipe)
    del content["engine"], content["optimizer"]["clip_value"]
    assert registry.from_json(msgspec.json.encode(content), "old") == recipe


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"optimizer.clip_norm": 1, "optimizer.clip_value": 1}, ["clip_norm", "clip_value"]),
        ({"ema": 0.9, "pruning.sparsity": 0.5}, ["engine.ema", "pruning"]),
        ({"data": "device"}, ["engine.data=device", "KERAS_BACKEND=jax", "tensorflow"]),
        ({"xla": "on", "model": "mobilenet_v1"}, ["engine.xla=on", "depthwise", "mobilenet"]),
    ],
)
def test_what_does_not_go_together_is_refused(values, parts):
    recipe = recipe_of(**values)
    model = zoo.create("ds_cnn") if "model" in values else network()
    model.name = "mobilenet"
    with pytest.raises(RecipeError) as raised:
        engine.check(recipe, model)
    for part in parts:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [("precision_policy", "float8", "mixed_bfloat16"), ("accumulation", 0, ">= 1"), ("ema", 1, "< 1")],
)
def test_values_out_of_range_are_refused(name, value, part):
    with pytest.raises(RecipeError, match=f"engine.{name}={value}.*{part}"):
        recipe_of(**{name: value})


# Precision


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["lenet5_modern", "convolutional_autoencoder"])
def test_inner_layers_compute_in_16_bits_within_the_block_alone(policy, name):
    model = zoo.create(name, input_shape=(16, 16, 1))
    images = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    before = np.asarray(model(images))
    inner = next(layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Conv2D))
    with precision.applied(model, policy):
        assert inner.compute_dtype == policy.removeprefix("mixed_")
        half = model(images)
        assert {v.dtype for v in model.weights} <= {"float32", "uint32", "int32"}
    assert keras.backend.standardize_dtype(half.dtype) == "float32"
    assert 0 < np.abs(np.asarray(half) - before).max() < 0.1 * np.abs(before).max()
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    np.testing.assert_array_equal(model(images), before)


def test_a_model_trained_in_16_bits_is_saved_and_exported_in_float32(edgezoo, tmp_path):
    import export

    settings = ["epochs=2", "precisions=float32,int8", "augmentation.translation=0,0"]
    options = ["--precision-policy", "mixed_bfloat16", *(p for value in settings for p in ("--set", value))]
    ended = edgezoo("run", "lenet5_digits", "--out", tmp_path / "run", *options)
    assert ended.code == 0, ended.err
    assert "mixed_bfloat16" in ended.err
    run = rundir.open_run(tmp_path / "run")
    assert run.recipe.engine.precision_policy == "mixed_bfloat16"
    model = run.model()
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    images = pipeline.prepare(run.recipe).test.x[:64].astype(np.float32) / 255
    logits = np.asarray(model(images))
    file = export.load(run.path / "export" / "float32.tflite")
    np.testing.assert_allclose(file(images), logits, rtol=1e-4, atol=1e-4)
    reached = run.metrics()["test"]["accuracy"]
    accuracies = {f.precision: f.metrics["accuracy"] for f in export.load_report(run.path / "export").files}
    assert accuracies["float32"] == reached > 0.6
    assert accuracies["int8"] > reached - 0.02


def test_16_bits_change_the_steps_and_hardly_what_is_learnt(plain, tmp_path):
    _, history = learnt(tmp_path, precision_policy="mixed_float16")
    for half, whole in zip(history, plain[1], strict=True):
        assert half["loss"] != whole["loss"]
        assert half["loss"] == pytest.approx(whole["loss"], rel=0.02)


def test_a_step_that_overflows_is_left_out():
    weight = keras.Variable([1.0, 2.0])
    built = optimizer.build(Optimizer(name="sgd"), 10, Engine(precision_policy="mixed_float16"))
    built.build([weight])
    scale = float(built.dynamic_scale)
    built.apply([keras.ops.convert_to_tensor([np.inf, 1.0])], [weight])
    np.testing.assert_array_equal(weight, [1.0, 2.0])
    assert float(built.dynamic_scale) == scale / 2
    built.apply([keras.ops.convert_to_tensor([scale, 0.0])], [weight])
    assert float(weight[0]) < 1.0 and float(weight[1]) == 2.0


def test_simulated_integers_are_learnt_in_float32():
    recipe = recipe_of(precision_policy="mixed_float16", ema=0.9, quantization="aware")
    second = tuning_integers.second_part(recipe, 1000).engine
    assert (second.precision_policy, second.ema) == ("float32", 0.0)


# Gradients


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_gradients_put_together_are_those_of_one_large_batch(name):
    values = Optimizer(name=name, learning_rate=0.1, clip_value=0.3)
    apart, whole = keras.Variable([1.0, -2.0, 3.0]), keras.Variable([1.0, -2.0, 3.0])
    together = optimizer.build(values, 10, Engine(accumulation=3))
    usual = optimizer.build(values, 10)
    rng = np.random.default_rng(0)
    for _ in range(3):
        gradients = rng.normal(size=(3, 3)).astype(np.float32)
        before = np.asarray(apart)
        for i, gradient in enumerate(gradients):
            np.testing.assert_array_equal(apart, before, err_msg=f"changed after {i} of 3")
            together.apply([keras.ops.convert_to_tensor(gradient)], [apart])
        usual.apply([keras.ops.convert_to_tensor(gradients.mean(0))], [whole])
        np.testing.assert_allclose(apart, whole, rtol=1e-5)


def test_fewer_batches_than_an_update_takes_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="engine.accumulation=500 is more than the 40 batches"):
        learnt(tmp_path, accumulation=500)


def test_values_of_gradients_are_clipped():
    built = optimizer.build(Optimizer(name="sgd", learning_rate=1.0, clip_value=0.5), 10)
    clipped = built._clip_gradients([keras.ops.convert_to_tensor([-3.0, 0.2, 0.9])])
    np.testing.assert_allclose(clipped[0], [-0.5, 0.2, 0.5])


def test_a_schedule_counts_batches_whether_or_not_they_are_updates():
    values = Optimizer(name="sgd", learning_rate=0.4, schedule="cosine")
    built, weight = optimizer.build(values, 8, Engine(accumulation=2)), keras.Variable([1.0])
    for step in range(8):
        assert float(built.learning_rate) == pytest.approx(0.2 * (1 + np.cos(np.pi * step / 8)), abs=1e-6)
        built.apply([keras.ops.convert_to_tensor([0.1])], [weight])


# Averaged weights


class Recorded(keras.callbacks.Callback):
    """The weights after every step, by epoch."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, step, logs=None):
        self.weights.append([np.array(v) for v in self.model.trainable_variables])


def test_averages_are_what_is_validated_and_kept(tmp_path, monkeypatch):
    recorded = Recorded()
    monkeypatch.setattr(averaging, "Validated", lambda own=averaging.Validated: _Both(own(), recorded))
    model, history = learnt(tmp_path, ema=0.8)
    averages = [np.array(w) for w in recorded.weights[0]]
    for weights in recorded.weights[1:]:
        averages = [0.8 * a + 0.2 * w for a, w in zip(averages, weights, strict=True)]
    for kept, by_hand in zip(model.trainable_variables, averages, strict=True):
        np.testing.assert_allclose(kept, by_hand, rtol=1e-4, atol=1e-5)
    validation = _validation(model)
    assert history[-1]["val_loss"] == pytest.approx(validation, rel=1e-4)


class _Both(keras.callbacks.CallbackList):
    """Two callbacks in one."""

    def __new__(cls, *callbacks):
        own = callbacks[0]
        first, second = own.on_train_batch_end, callbacks[1]

        def both(step, logs=None):
            first(step, logs)
            second.set_model(own.model)
            second.on_train_batch_end(step, logs)

        own.on_train_batch_end = both
        return own


def _validation(model):
    """The mean cross-entropy of the examples that were held back, in NumPy."""
    from scipy.special import log_softmax

    from recipes.tasks import Context

    recipe = recipe_of()
    held = Context(recipe, pipeline.prepare(recipe)).validation
    images = held.split.x[held.indices].astype(np.float32) / 255
    logs = log_softmax(np.asarray(model(images)), -1)
    smooth = recipe.label_smoothing
    labels = np.eye(10)[held.split.y[held.indices]] * (1 - smooth) + smooth / 10
    return float(-(labels * logs).sum(-1).mean())


def test_a_run_with_averages_goes_on_as_if_it_had_run_through(tmp_path):
    values = {"ema": 0.9, "accumulation": 2, "precision_policy": "mixed_float16"}
    through = learnt(tmp_path / "through", **values)
    learnt(tmp_path / "paused", until=1, **values)
    resumed = learnt(tmp_path / "paused", **values)
    assert_same(resumed, through)
    again = learnt(tmp_path / "paused", **values)  # all epochs done, the model not saved yet
    assert_same(again, through)


def test_early_stopping_keeps_the_averages_of_the_best_epoch(tmp_path):
    values = {"ema": 0.9, "epochs": 4, "regularization.early_stopping": 2}
    model, history = learnt(tmp_path, **values)
    best = min(row["val_loss"] for row in history)
    assert _validation(model) == pytest.approx(best, rel=1e-4)


# Steps a call, XLA


@pytest.mark.parametrize("steps", [3, "auto"])
def test_steps_a_call_do_not_change_the_results(plain, tmp_path, steps):
    told = []
    other = learnt(tmp_path, steps_per_execution=steps, progress=lambda *step: told.append(step[0]))
    assert_same(other, plain)
    if steps == "auto":
        assert "steps a call (a step at 1 " in told[0] or "1 steps a call" in told[0]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(1e-5, 1.0), min_size=1, max_size=4))
def test_the_shortest_call_that_is_nearly_the_fastest_is_chosen(seconds):
    times = dict(zip(execution.CANDIDATES, seconds, strict=False))
    chosen, least = execution.fastest(times), min(seconds)
    assert times[chosen] <= 1.03 * least
    assert all(times[count] > 1.03 * least for count in times if count < chosen)


def test_xla_learns_the_same(plain, tmp_path):
    told = []
    _, history = learnt(tmp_path, xla="on", progress=lambda *step: told.append(step[0]))
    assert "XLA on, as asked for" in told[0]
    for row, expected in zip(history, plain[1], strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_what_xla_cannot_compile_is_said():
    recipe = registry.get("lenet5_digits", **{"engine.xla": "on"})
    model = zoo.create("lenet5", input_shape=(28, 28, 1))
    trainee = fit.compile_trainee(recipe, model, 4, 0)
    assert not trainee.jit_compile
    assert "random_translation" in engine.xla.chosen(recipe.engine, trainee).reason


# Memory


@keras.saving.register_keras_serializable("tests")
class Enormous(keras.layers.Layer):
    """Takes 64 kB for one example, and for 256 of them 2^48 bytes: more than a process can address."""

    def call(self, inputs):
        n = keras.ops.shape(inputs)[0]
        wide = keras.ops.broadcast_to(inputs[:, 0, 0], (n**3, n, 2**14))
        return keras.ops.mean(wide, axis=0)[:, :16]


def test_memory_that_does_not_suffice_is_said_with_the_batch_to_try(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), Enormous(), keras.layers.Dense(10)])
    with pytest.raises(TrainingError, match="out of memory with 256 examples a batch") as raised:
        learnt(tmp_path, model=model, batch_size=256, accumulation=3)
    assert "--set batch_size=128 --set engine.accumulation=6" in str(raised.value)
    assert checkpoints.restore(tmp_path / "checkpoints", []) == (0, [])


def test_a_single_example_that_is_too_much():
    said = memory.advice(recipe_of(), 1, MemoryError())
    assert "MemoryError" in said and "smaller model" in said


@given(st.integers(2, 4096), st.integers(1, 64))
def test_the_batch_to_try_is_half_and_makes_as_large_updates(size, times):
    said = memory.advice(recipe_of(accumulation=times), size, MemoryError("x"))
    half, more = (int(part.partition("=")[2]) for part in said.split()[-3::2])
    assert half == size // 2
    assert size * times <= half * more < size * times + half


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="no batch"), memory.guarded(recipe_of(), 8):
        raise ValueError("no batch")
