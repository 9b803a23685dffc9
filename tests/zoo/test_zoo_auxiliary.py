"""Heads that exist in training only, on a classifier of two convolutions."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import zoo
from zoo.classifiers.auxiliary import WithAuxiliaryHeads

# Also run in a process under JAX, hence as text.
BUILD = """
import keras, numpy as np
from keras import layers
from zoo.classifiers.auxiliary import WithAuxiliaryHeads

def classifier():
    image = keras.Input((6, 6, 1), name="image")
    first = layers.Conv2D(4, 3, activation="relu", name="first")(image)
    second = layers.Conv2D(5, 3, activation="relu", name="second")(layers.BatchNormalization(name="bn")(first))
    logits = layers.Dense(3, name="logits")(layers.Flatten(name="flatten")(second))
    maps = keras.Input((4, 4, 4), name="maps")
    head = keras.Model(maps, layers.Dense(3)(layers.Flatten()(layers.Dropout(0.5)(maps))), name="early")
    return WithAuxiliaryHeads(image, logits, heads={"first": head}, name="classifier")

def trained(model, epochs=2):
    x, y = np.random.default_rng(0).random((8, 6, 6, 1), dtype="float32"), np.arange(8) % 3
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model.fit(x, y, batch_size=4, epochs=epochs, verbose=0, validation_data=(x, y)).history
"""
TRAIN = """
model = classifier()
before = [np.asarray(weight).copy() for weight in model.heads["first"].trainable_weights]
history = trained(model)
after = [np.asarray(weight) for weight in model.heads["first"].trainable_weights]
assert all(np.isfinite(values).all() for values in history.values()), history
assert all(abs(a - b).max() > 0 for a, b in zip(before, after))
assert model(np.zeros((2, 6, 6, 1), "float32")).shape == (2, 3)
"""
code = {}
exec(BUILD, code)  # noqa: S102
classifier, trained = code["classifier"], code["trained"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return classifier()


@pytest.fixture
def images():
    return np.random.default_rng(0).random((4, 6, 6, 1), dtype="float32")


def test_heads_answer_in_training_only(model, images):
    assert model.output_shape == (None, 3)
    assert keras.ops.is_tensor(model(images))
    outputs = model(images, training=True)
    assert {name: value.shape for name, value in outputs.items()} == {"logits": (4, 3), "early": (4, 3)}
    np.testing.assert_array_equal(model(images), model.without_heads()(images))
    assert model.count_params() == model.without_heads().count_params() + 64 * 3 + 3


def test_training_reaches_the_layers_that_heads_read(model, images):
    """Dropout in the head and batch statistics in the trunk are those of training."""
    first, second = (np.asarray(model(images, training=True)["early"]) for _ in range(2))
    assert abs(first - second).max() > 1e-3
    before = np.asarray(model.get_layer("bn").moving_mean).copy()
    model(images, training=True)
    assert abs(np.asarray(model.get_layer("bn").moving_mean) - before).max() > 0


def test_losses_add_up(model, images):
    """The main loss, 0.3 of the head's, and a penalty on weights once."""
    labels = np.array([0, 1, 2, 0])
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), cross_entropy)
    outputs = model(images, training=True)
    main, early = (float(cross_entropy(labels, outputs[name])) for name in ("logits", "early"))

    def found(outputs):
        return float(model.compute_loss(images, labels, outputs))

    assert found(outputs) == pytest.approx(main + 0.3 * early, rel=1e-5)
    assert found(outputs["logits"]) == pytest.approx(main, rel=1e-5)
    kernel = model.get_layer("logits").kernel
    kernel.regularizer = keras.regularizers.L2(0.5)
    penalty = 0.5 * float(np.sum(np.square(kernel)))
    assert found(outputs) == pytest.approx(main + 0.3 * early + penalty, rel=1e-5)
    kernel.regularizer = None


def test_heads_of_no_weight_change_nothing():
    """With a share of 0 the trunk trains as it would alone."""
    trunks = []
    for heads in (True, False):
        keras.utils.set_random_seed(0)
        model = classifier()
        model.weight = 0.0
        trained(model if heads else model.without_heads())
        trunks.append(np.asarray(model.get_layer("first").kernel))
    np.testing.assert_allclose(*trunks, atol=1e-6)


def test_heads_change_how_the_trunk_trains():
    kernels = []
    for weight in (0.0, 0.3):
        keras.utils.set_random_seed(0)
        model = classifier()
        model.weight = weight
        history = trained(model)
        kernels.append(np.asarray(model.get_layer("first").kernel))
    assert abs(kernels[0] - kernels[1]).max() > 1e-4
    assert {"accuracy", "loss", "val_accuracy", "val_loss"} <= set(history)


def test_saved_with_heads(model, images, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, WithAuxiliaryHeads)
    assert loaded.weight == model.weight
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-6)
    features = np.ones((2, 4, 4, 4), "float32")
    np.testing.assert_allclose(loaded.heads["first"](features), model.heads["first"](features), atol=1e-6)
    trained(loaded)


def test_trains():
    exec(TRAIN, {**code})  # noqa: S102


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="the session itself runs under JAX")
def test_trains_under_jax(jax_backend):
    """Nothing that a traced step computed may be needed after it."""
    done = subprocess.run(
        [sys.executable, "-c", f"import zoo{BUILD}{TRAIN}"],
        check=False,
        cwd=pathlib.Path(zoo.__file__).parents[1],
        env=os.environ | jax_backend,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports")
def test_exported_file_has_no_trace_of_heads(model, images):
    import export

    file = export.to_tflite(model, precision="float32")
    assert export.inspect(file).operators["FULLY_CONNECTED"] == 1
    assert len(file) < len(export.to_tflite(model.without_heads(), precision="float32")) + 200
    assert export.verify(model, file, [images]).passed
