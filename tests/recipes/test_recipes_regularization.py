"""Penalties, bounds and early stopping: their effect in training, and that nothing of them is left behind."""

import json
import zipfile

import keras
import numpy as np
import pytest

import export
import recipes
import zoo
from recipes import pipeline, registry, rundir, tasks
from recipes.errors import TrainingError
from recipes.recipe import Regularization
from recipes.training import checkpoints, fit, regularization, stopping
from zoo.classifiers.auxiliary import WithAuxiliaryHeads
from zoo.layers.locally_connected import LocallyConnected2D

SMALL = {"batch_size": 256, "epochs": 2}


def small_run(path, **values):
    values = {f"regularization.{name}": value for name, value in values.items()}
    run = pipeline.start(registry.get("lenet5_digits", **SMALL, **values), path)
    pipeline.train(run)
    return run


def kernels(model):
    return {weight.path: np.asarray(weight) for weight in model.trainable_weights if "kernel" in weight.name}


@pytest.mark.parametrize(("l1", "l2"), [(0.01, 0.0), (0.0, 0.02), (0.01, 0.02)])
def test_penalty_is_the_elastic_net_of_all_kernels(l1, l2):
    model = zoo.create("separable_cnn", input_shape=(12, 12, 1), classes=3)
    found = kernels(model).values()
    expected = l1 * sum(np.abs(kernel).sum() for kernel in found)
    expected += l2 * sum(np.square(kernel).sum() for kernel in found)
    assert len(found) == sum(isinstance(w, keras.Variable) and w.ndim > 1 for w in model.trainable_weights)
    before = model.get_config()
    with regularization.applied(model, Regularization(l1=l1, l2=l2)):
        assert len(model.losses) == len(found)
        assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
        assert model.get_config() == before
    assert model.losses == []


@pytest.fixture(scope="module")
def bound(tmp_path_factory):
    """A run with penalties and a bound on the norms."""
    values = {"l1": 1e-4, "l2": 0.1, "max_norm": 2.0, "early_stopping": 3}
    return small_run(tmp_path_factory.mktemp("bound") / "run", **values)


def test_penalty_is_in_the_loss_and_shrinks_the_kernels(bound, tmp_path):
    plain = small_run(tmp_path / "plain")
    assert bound.history()[0]["loss"] > plain.history()[0]["loss"] + 1
    assert bound.history()[0]["val_loss"] > plain.history()[0]["val_loss"] + 1
    norms = [sum(np.square(k).sum() for k in kernels(run.model()).values()) for run in (plain, bound)]
    assert norms[1] < 0.95 * norms[0]


def test_nothing_of_it_is_saved(bound):
    with zipfile.ZipFile(bound.model_file) as archive:
        config = archive.read("config.json").decode()
    for name in ("L1L2", "MaxNorm", "Dropout", "Random"):
        assert name not in config
    settings = [layer["config"] for layer in json.loads(config)["config"]["layers"]]
    held = [c[key] for c in settings for key in c if "regularizer" in key or "constraint" in key]
    assert held
    assert set(held) == {None}
    assert bound.model().losses == []
    file = export.to_tflite(bound.model())
    plain = export.to_tflite(pipeline.build(registry.get("lenet5_digits"), pipeline.prepare(bound.recipe)))
    assert export.inspect(file).operators == export.inspect(plain).operators


UNITS = {
    "dense": (keras.layers.Dense(5), (7,), (0,)),
    "convolution": (keras.layers.Conv2D(5, 3), (8, 8, 4), (0, 1, 2)),
    "depthwise": (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 4), (0, 1)),
    "locally connected": (LocallyConnected2D(5, 8), (8, 8, 4), (1,)),
    "transposed": (keras.layers.Conv2DTranspose(5, 3), (8, 8, 4), (0, 1, 3)),
}


@pytest.mark.parametrize("kind", UNITS)
def test_norms_are_those_of_the_weights_into_a_unit(kind):
    """The norm of a unit's weights is how much noise of unit variance at its inputs comes out."""
    layer, shape, axes = UNITS[kind]
    model = keras.Sequential([keras.Input(shape), layer])
    ((_, kernel),) = regularization._kernels(model)
    assert regularization.incoming_axes(layer, kernel) == axes
    values = np.random.default_rng(0).normal(size=kernel.shape)
    noise = np.random.default_rng(1).normal(size=(2000, *shape)).astype("float32")
    kernel.assign(values)
    out = np.asarray(model.predict(noise, verbose=0)).astype(float)
    inner = out.reshape(len(out), -1) if out[0].size == 5 else out[:, 4, 4]
    expected = np.sqrt(np.square(values).sum(axes)).ravel()
    np.testing.assert_allclose(np.sort(inner.std(0)), np.sort(expected), rtol=0.15)


def test_norms_are_bounded_after_every_step():
    model = zoo.create("separable_cnn", input_shape=(12, 12, 1), classes=3)
    x = np.random.default_rng(0).random((16, 12, 12, 1), dtype=np.float32)
    model.compile(keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with regularization.applied(model, Regularization(max_norm=0.5)):
        for _ in range(2):
            model.train_on_batch(x, np.arange(16) % 3)
            norms = [
                np.sqrt(np.square(np.asarray(kernel)).sum(regularization.incoming_axes(layer, kernel)))
                for layer, kernel in regularization._kernels(model)
            ]
            assert max(norm.max() for norm in norms) <= 0.5 + 1e-4
    assert all(w.constraint is None and w.regularizer is None for w in model.trainable_weights)


def test_values_reach_the_architecture():
    names = ("dropout", "drop_connect", "stochastic_pooling")
    values = {f"regularization.{name}": value for name, value in zip(names, (0.4, 0.3, True), strict=True)}
    recipe = registry.get("lenet5_digits", model="lenet5_modern", **values)
    data = pipeline.prepare(recipe)
    model = pipeline.build(recipe, data)
    assert model.get_layer("dropout").rate == 0.4
    assert model.get_layer("f6_dense").rate == 0.3
    assert type(model.get_layer("s4")).__name__ == "StochasticPooling2D"
    x = data.test.x[:4] / np.float32(255)
    drawn = [np.asarray(model(x, training=True)) for _ in range(2)]
    assert (drawn[0] != drawn[1]).any()
    plain = pipeline.build(registry.get("lenet5_digits", model="lenet5_modern"), data)
    assert [w.path for w in plain.weights] == [w.path for w in model.weights if "seed" not in w.path]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"regularization.dropout": 0.4}, "lenet5 has no argument dropout.*lenet5_modern"),
        ({"regularization.drop_connect": 0.4}, "lenet5 has no argument drop_connect"),
        ({"regularization.stochastic_pooling": True}, "lenet5 has no argument stochastic_pooling"),
        (
            {"model": "lenet5_modern", "regularization.dropout": 0.4, "arguments.dropout": 0.1},
            "both given",
        ),
    ],
)
def test_what_an_architecture_cannot_do_is_said_before_training(values, words, tmp_path):
    with pytest.raises(recipes.RecipeError, match=words):
        recipes.run("lenet5_digits", out=tmp_path / "run", **values)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("l1", -1),
        ("l2", "nan"),
        ("max_norm", 0),
        ("dropout", 1),
        ("early_stopping", 0),
        ("drop_connect", 1.5),
    ],
)
def test_values_are_checked(name, value):
    with pytest.raises(recipes.RecipeError, match=f"regularization.{name}"):
        registry.get("lenet5_digits", **{f"regularization.{name}": value})


LOSSES = [0.9, 0.5, 0.7, 0.5, 0.6, 0.4]


@pytest.mark.parametrize(("patience", "stops"), [(None, []), (1, [3, 4, 5]), (2, [4, 5]), (3, [5]), (4, [])])
def test_when_training_stops(patience, stops):
    history = [{"val_loss": loss} for loss in LOSSES]
    due = [epoch for epoch in range(7) if stopping.due(history[:epoch], patience)]
    assert due == stops
    assert [stopping.best_epoch(history[:n]) for n in (0, 1, 5, 6)] == [None, 1, 2, 6]


UPSET = {"optimizer.learning_rate": 0.5, "optimizer.name": "sgd", "epochs": 30, "optimizer.warmup": 0.0}


@pytest.fixture(scope="module")
def stopped_early(tmp_path_factory):
    """A run whose validation loss soon rises, so that it stops before its last epoch."""
    values = {**SMALL, **UPSET, "regularization.early_stopping": 1}
    run = pipeline.start(registry.get("lenet5_digits", **values), tmp_path_factory.mktemp("early") / "run")
    pipeline.train(run)
    return run


def test_training_ends_early_with_the_best_weights(stopped_early):
    history = stopped_early.history()
    losses = [row["val_loss"] for row in history]
    assert 2 <= len(losses) < UPSET["epochs"]
    assert losses[-1] >= losses[-2] == min(losses)
    task_model = stopped_early.model()
    data = pipeline.prepare(stopped_early.recipe)
    trainee = fit.compile_trainee(stopped_early.recipe, task_model, 1, seed=0)
    from recipes.data.feeding import Batches

    validation = tasks.Context(stopped_early.recipe, data).validation
    loss = trainee.evaluate(Batches(validation, 256), verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(min(losses), rel=1e-4)


@pytest.mark.parametrize("killed_after", [1, "the last"])
def test_resumed_run_stops_where_it_would_have_stopped(stopped_early, tmp_path, killed_after):
    resumed = pipeline.start(stopped_early.recipe, tmp_path / "run")
    last = len(stopped_early.history()) if killed_after == "the last" else killed_after

    def stop(stage, done, total):
        if stage.startswith(f"epoch {last}/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.train(resumed, stop)
    assert len(resumed.history()) == last
    pipeline.train(resumed)
    assert resumed.history() == stopped_early.history()
    for a, b in zip(resumed.model().weights, stopped_early.model().weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_checkpoint_is_kept(tmp_path):
    for epoch in range(1, 7):
        checkpoints.save(tmp_path, epoch, [np.full(2, epoch)], [], best=min(epoch, 2))
    assert sorted(f.stem for f in tmp_path.iterdir()) == [
        "epoch_0002",
        "epoch_0004",
        "epoch_0005",
        "epoch_0006",
    ]
    variable = keras.Variable(np.zeros(2))
    checkpoints.restore_epoch(tmp_path, 2, [variable])
    np.testing.assert_array_equal(variable, [2, 2])
    (tmp_path / "epoch_0002.npz").write_bytes(b"no")
    with pytest.raises(TrainingError, match="epoch_0002.npz, the best epoch's"):
        checkpoints.restore_epoch(tmp_path, 2, [variable])


def test_without_any_value_nothing_is_touched():
    assert registry.get("lenet5_digits").regularization == Regularization()
    model = zoo.create("lenet5")
    with regularization.applied(model, Regularization()):
        assert all(w.regularizer is None and w.constraint is None for w in model.weights)


def test_values_survive_the_run_directory(tmp_path):
    recipe = registry.get("lenet5_digits", **{"regularization.l1": 0.5, "regularization.max_norm": 3})
    assert (
        rundir.create(tmp_path / "run", recipe).recipe == rundir.open_run(tmp_path / "run").recipe == recipe
    )


def with_a_head():
    """A classifier of `(8, 8, 1)` with one head in training."""
    image = keras.Input((8, 8, 1))
    inner = keras.layers.Conv2D(4, 3, activation="relu", name="inner")(image)
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(inner)))
    head = keras.Sequential(
        [keras.Input((6, 6, 4)), keras.layers.Flatten(), keras.layers.Dense(3)], name="head"
    )
    return WithAuxiliaryHeads(image, logits, heads={"inner": head})


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_auxiliary_heads_take_part_in_training_and_stay_behind(mixup):
    """The loss is that of the logits plus a share of each head's, whether labels are mixed or not."""
    model = with_a_head()
    recipe = registry.get(
        "lenet5_digits", **{"augmentation.mixup": mixup, "augmentation.translation": (0, 0)}
    )
    trainee = fit.compile_trainee(recipe, model, 4, seed=0)
    x, y = np.random.default_rng(0).random((6, 8, 8, 1), dtype=np.float32), np.arange(6) % 3
    seen = trainee(x, training=True)
    target = np.eye(3)[y]
    if mixup:
        target, outputs = np.asarray(seen["shares"]) @ target, seen["output"]
    else:
        outputs = seen
    losses = {}
    for name, logits in outputs.items():
        logits = np.asarray(logits, float)
        log_p = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        losses[name] = -(target * log_p).sum(-1).mean()
    expected = losses["logits"] + model.weight * losses["head"]
    assert float(trainee.compute_loss(x=x, y=y, y_pred=seen)) == pytest.approx(expected, rel=1e-4)
    before = np.asarray(model.heads["inner"].weights[0]).copy()
    for _ in range(2):  # the warm-up begins with a step of length 0
        assert np.isfinite(trainee.train_on_batch(x, y)).all()
    assert (np.asarray(model.heads["inner"].weights[0]) != before).any()
    assert np.isfinite(trainee.test_on_batch(x, y)).all()
    np.testing.assert_allclose(trainee(x), model.without_heads()(x), rtol=1e-5, atol=1e-6)
