"""The schedule, the compiled step, its batch normalisation, and what stops it."""

import math

import keras
import numpy as np
import pytest

import zoo
from recipes import pipeline, registry, rundir
from recipes.errors import TrainingError
from recipes.recipe import Optimizer
from recipes.training import batch_norm, fit, optimizer


@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_cosine_schedule(warmup):
    rate = optimizer.schedule(Optimizer(learning_rate=0.4, schedule="cosine", warmup=warmup), 100)
    rise = round(100 * warmup)
    for step in range(0, 101, 5):
        if step < rise:
            expected = 0.4 * step / rise
        else:
            expected = 0.2 * (1 + math.cos(math.pi * (step - rise) / (100 - rise)))
        assert float(rate(step)) == pytest.approx(expected, abs=1e-6)


def test_constant_schedule():
    assert optimizer.schedule(Optimizer(learning_rate=0.4), 100) == 0.4
    warm = optimizer.schedule(Optimizer(learning_rate=0.4, warmup=0.1), 100)
    assert [float(warm(step)) for step in (0, 5, 10, 50, 100)] == pytest.approx([0.0, 0.2, 0.4, 0.4, 0.4])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (Optimizer(name="sgd", weight_decay=1e-4), keras.optimizers.SGD),
        (Optimizer(name="adam", clip_norm=1.0), keras.optimizers.Adam),
        (Optimizer(name="adamw", weight_decay=0.02), keras.optimizers.AdamW),
    ],
)
def test_optimizer_takes_the_recipes_values(values, kind):
    built = optimizer.build(values, 10)
    assert type(built) is kind
    assert built.global_clipnorm == values.clip_norm
    assert (built.weight_decay or 0) == values.weight_decay


def test_sgd_with_nesterov_momentum_by_hand():
    built = optimizer.build(Optimizer(name="sgd", learning_rate=0.1), 10)
    weight, velocity, by_hand = keras.Variable([1.0]), 0.0, 1.0
    for gradient in (0.5, -0.2, 0.7):
        built.apply([keras.ops.convert_to_tensor([gradient])], [weight])
        velocity = 0.9 * velocity - 0.1 * gradient
        by_hand += 0.9 * velocity - 0.1 * gradient
    assert float(weight[0]) == pytest.approx(by_hand, rel=1e-5)


def trained(fused):
    """A small network with batch normalisation after a few steps, with or without the fused kernel."""
    keras.utils.set_random_seed(1)
    model = zoo.create("lenet5_modern", input_shape=(16, 16, 1), classes=3)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 16, 16, 1), dtype=np.float32), rng.integers(0, 3, 32)
    if fused:
        with batch_norm.fused(model):
            history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    else:
        history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model, history.history["loss"], x


def test_fused_batch_normalisation_gives_the_same_weights():
    (fused, losses, x), (plain, expected, _) = trained(True), trained(False)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for a, b in zip(fused.weights, plain.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4, err_msg=a.path)
    np.testing.assert_allclose(fused.predict_on_batch(x), plain.predict_on_batch(x), rtol=1e-2, atol=1e-3)


def test_layers_get_their_own_call_back():
    model = zoo.create("lenet5_modern", input_shape=(16, 16, 1), classes=3)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    plain = [layer.call for layer in layers]
    with pytest.raises(RuntimeError, match="stop"), batch_norm.fused(model):
        assert layers and all("call" in vars(layer) for layer in batch_norm._eligible(model))
        assert any(layer.call != call for layer, call in zip(layers, plain, strict=True))
        raise RuntimeError("stop")
    assert [layer.call for layer in layers] == plain


def test_inference_does_not_use_the_batch():
    model, _, x = trained(True)
    alone = model.predict_on_batch(x[:1])
    np.testing.assert_allclose(model.predict_on_batch(x)[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def diverged(tmp_path_factory):
    """A run whose loss becomes NaN in its second epoch, and the error it ended in."""
    values = {"epochs": 3, "batch_size": 256, "augmentation.translation": (0, 0)}
    run = pipeline.start(registry.get("lenet5_digits", **values), tmp_path_factory.mktemp("diverged"))
    data = pipeline.prepare(run.recipe)
    keras.utils.set_random_seed(0)
    model = pipeline.build(run.recipe, data)
    with pytest.raises(TrainingError) as raised:
        fit.fit(run.recipe, model, data, 0, run.path, _break_after_one_epoch(model))
    return run, str(raised.value)


def _break_after_one_epoch(model):
    def progress(stage, done, total):
        if stage.startswith("epoch 1/"):
            model.weights[0].assign(np.full(model.weights[0].shape, np.nan))

    return progress


def test_nan_loss_names_the_epoch_and_keeps_the_last_good_checkpoint(diverged):
    run, message = diverged
    assert "epoch 2" in message and "the checkpoint of epoch 1 is kept" in message
    assert [f.name for f in (run.path / "checkpoints").iterdir()] == ["epoch_0001.npz"]
    assert len(run.history()) == 1 and math.isfinite(run.history()[0]["loss"])


def test_run_goes_on_from_the_last_good_checkpoint(diverged):
    run, _ = diverged
    pipeline.train(run)
    assert [row["epoch"] for row in run.history()] == [1, 2, 3]
    assert all(math.isfinite(row["loss"]) for row in run.history())


def test_learning_rate_that_is_far_too_large(edgezoo, tmp_path):
    settings = [
        "epochs=2",
        "batch_size=256",
        "optimizer.learning_rate=1e38",
        "optimizer.name=sgd",
        "optimizer.warmup=0",
    ]
    ended = edgezoo(
        "train", "lenet5_digits", "--out", tmp_path / "a", *[p for s in settings for p in ("--set", s)]
    )
    assert ended.code == 1
    assert "not a number after epoch 1" in ended.err and "learning_rate" in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "a" / "model.keras").exists()


def test_reconstruction_aims_at_the_augmented_image(tmp_path):
    values = {"model": "convolutional_autoencoder", "task": "reconstruction", "augmentation.binarize": True}
    recipe = registry.get(
        "lenet5_digits", **values, **{"features.image_size": None, "augmentation.translation": (0, 0)}
    )
    data = pipeline.prepare(recipe)
    model = pipeline.build(recipe, data)
    trainee = fit.compile_trainee(recipe, model, 4, seed=0)
    images = np.random.default_rng(0).random((6, 8, 8, 1), dtype=np.float32)
    seen = trainee(images, training=True)
    assert set(np.unique(seen["target"])) == {0.0, 1.0}
    loss = trainee.compute_loss(x=images, y=np.zeros(6), y_pred=seen)
    squares = np.square(np.asarray(seen["output"]) - np.asarray(seen["target"])).sum((1, 2, 3))
    assert float(loss) == pytest.approx(squares.mean(), rel=1e-5)


def test_jax_trains_the_same_recipe(tmp_path, process, jax_backend):
    settings = ["--set", "epochs=1", "--set", "batch_size=128"]
    child = process("train", "lenet5_digits", "--out", tmp_path / "jax", *settings, **jax_backend)
    _, err = child.communicate(timeout=240)
    assert child.returncode == 0, err
    run = rundir.open_run(tmp_path / "jax")
    assert rundir.read_json(run.path / "environment.json")["backend"] == "jax"
    assert math.isfinite(run.history()[0]["val_loss"])
    assert run.model().count_params() == zoo.create("lenet5", input_shape=(28, 28, 1)).count_params()
