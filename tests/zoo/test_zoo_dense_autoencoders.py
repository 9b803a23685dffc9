"""Dense, deep and stacked autoencoders: their layers, what they take, and that they learn."""

import keras
import numpy as np
import pytest

import export
import zoo

NAMES = ["dense_autoencoder", "deep_autoencoder", "stacked_autoencoder"]
EXAMPLES = [(9, 7, 2), (20, 1), (15,)]  # an image, a signal and a vector


def widths(part):
    return [layer.units for layer in part.layers if isinstance(layer, keras.layers.Dense)]


def activations(part):
    return [
        layer.activation.__name__
        for layer in part.layers
        if hasattr(layer, "activation") and isinstance(layer, keras.layers.Dense)
    ]


def kinds(part):
    return [type(layer).__name__ for layer in part.layers]


@pytest.mark.parametrize("shape", EXAMPLES, ids=str)
@pytest.mark.parametrize("name", [*NAMES, "linear_autoencoder"])
def test_takes_examples_of_any_kind(name, shape):
    options = {} if name == "linear_autoencoder" else {"hidden": (8,)}
    model = zoo.create(name, input_shape=shape, code=4, **options)
    examples = np.random.default_rng(0).random((3, *shape), dtype="float32")
    assert model(examples).shape == examples.shape
    assert model.encoder(examples).shape == (3, 4)
    np.testing.assert_allclose(model.decoder(model.encoder(examples)), model(examples), atol=1e-6)


def test_deep_autoencoder_is_the_published_one():
    for name in ("deep_autoencoder", "stacked_autoencoder"):
        model = zoo.create(name)
        assert widths(model.encoder) == [1000, 500, 250, 30]
        assert widths(model.decoder) == [250, 500, 1000, 784]


def test_stacked_autoencoder_is_the_deep_one_of_sigmoid_units():
    sizes = {"input_shape": (6, 6, 1), "code": 4, "hidden": (12, 8)}
    stacked, deep = (
        zoo.create(name, **sizes, **options)
        for name, options in (("stacked_autoencoder", {}), ("deep_autoencoder", {"activation": "sigmoid"}))
    )
    assert activations(stacked.encoder) == ["sigmoid", "sigmoid", "linear"]
    assert activations(stacked.decoder) == ["sigmoid"] * 3
    for part, same in ((stacked.encoder, deep.encoder), (stacked.decoder, deep.decoder)):
        assert part.get_config() == same.get_config()


def test_without_hidden_layers_there_is_one_each_way():
    model = zoo.create("dense_autoencoder", input_shape=(6,), code=9, hidden=(), code_activation="linear")
    assert widths(model.encoder) == [9]
    assert widths(model.decoder) == [6]
    assert model.count_params() == 6 * 9 + 9 + 9 * 6 + 6


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_only_relu_is_normalised(activation):
    sizes = {"input_shape": (6, 6, 1), "code": 4, "hidden": (12, 8)}
    for name in ("dense_autoencoder", "deep_autoencoder"):
        code = {"code_activation": activation} if name == "dense_autoencoder" else {}
        plain = zoo.create(name, **sizes, activation=activation, **code)
        assert "BatchNormalization" not in kinds(plain.encoder) + kinds(plain.decoder)
        normalised = zoo.create(name, **sizes, activation="relu", **code)
        assert kinds(normalised.encoder).count("BatchNormalization") == 2
        assert kinds(normalised.decoder).count("BatchNormalization") == 2


def test_ranges_of_code_and_output():
    x = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
    options = {"input_shape": (6,), "code": 9, "hidden": (8,)}
    code = zoo.create("dense_autoencoder", **options).encoder(x)
    assert float(keras.ops.min(code)) == 0
    bounded = np.asarray(zoo.create("dense_autoencoder", **options)(x))
    assert 0 < bounded.min() and bounded.max() < 1
    unbounded = zoo.create(
        "dense_autoencoder", **options, code_activation="linear", output_activation="linear"
    )
    assert np.asarray(unbounded.encoder(x)).min() < 0
    assert np.asarray(unbounded(x)).min() < 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dense_autoencoder", {"hidden": (24,)}),
        ("deep_autoencoder", {"hidden": (32, 16)}),
        ("stacked_autoencoder", {"hidden": (24,)}),
    ],
    ids=str,
)
def test_learns_more_than_the_mean(name, options):
    """Blobs at random places: the error is under that of the best constant image."""
    keras.utils.set_random_seed(0)
    rows, columns = np.mgrid[0:8, 0:8]
    centres = np.random.default_rng(0).uniform(2, 6, size=(128, 2, 1, 1))
    images = np.exp(-((rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2) / 3)
    images = images.reshape(128, 8, 8, 1).astype("float32")
    model = zoo.create(name, **{"input_shape": (8, 8, 1), "code": 6, **options})
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=False)
    repeated = np.tile(images, (10, 1, 1, 1))
    model.fit(repeated, repeated, batch_size=64, epochs=8, verbose=0)
    assert model.evaluate(images, images, verbose=0) < 0.4 * images.var(axis=0).mean()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_autoencoder_of_signals_exports():
    keras.utils.set_random_seed(0)
    model = zoo.create(
        "dense_autoencoder", input_shape=(24, 1), code=5, hidden=(16,), output_activation="linear"
    )
    signals = np.random.default_rng(0).normal(size=(60, 24, 1)).astype("float32")
    model(signals, training=True)
    codes = np.asarray(model.encoder(signals))
    data = {"reconstruct": [signals], "encode": [signals], "decode": [codes]}
    files = export.convert(model, ("float32", "int8"), calibration=data, signatures=model.signatures)
    for precision, content in files.items():
        report = export.verify(model, content, data, model.signatures, precision)
        assert report.passed, report.problems
        assert not export.inspect(content).flex
    assert export.inspect(files["int8"]).float_tensors == ()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dense_autoencoder", {"code": 0}),
        ("dense_autoencoder", {"hidden": (8, 0)}),
        ("dense_autoencoder", {"activation": "linear"}),
        ("dense_autoencoder", {"code_activation": "softmax"}),
        ("dense_autoencoder", {"output_activation": "relu"}),
        ("dense_autoencoder", {"input_shape": ()}),
        ("dense_autoencoder", {"input_shape": (2, 2, 2, 2)}),
        ("dense_autoencoder", {"input_shape": 12}),
        ("deep_autoencoder", {"hidden": ()}),
        ("deep_autoencoder", {"activation": "elu"}),
        ("deep_autoencoder", {"output_activation": "tanh"}),
        ("stacked_autoencoder", {"code": 2.5}),
        ("stacked_autoencoder", {"hidden": 12}),
        ("stacked_autoencoder", {"input_shape": (8, None, 1)}),
    ],
    ids=str,
)
def test_refuses_arguments(name, given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        zoo.create(name, **given)
