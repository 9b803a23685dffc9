"""Autoencoders know their parts, and their signatures are those parts."""

import keras
import numpy as np
import pytest

import zoo
from zoo.autoencoders.autoencoder import Autoencoder, VariationalAutoencoder

BUILDS = [
    ("convolutional_autoencoder", {"decoder": "deconvolution"}),
    ("convolutional_autoencoder", {"decoder": "upsampling"}),
    ("vae", {"hidden": "convolutional", "units": 32}),
    ("vae", {"hidden": "dense", "units": 32}),
]


@pytest.fixture(params=BUILDS, ids=str)
def model(request):
    name, options = request.param
    return zoo.create(name, **options)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((3, 28, 28, 1), dtype="float32")


def code_of(model, images):
    code = model.encoder(images)
    return code["mean"] if isinstance(code, dict) else code


def test_is_functional_and_made_of_its_parts(model):
    assert isinstance(model, Autoencoder)
    assert isinstance(model, keras.Function)
    assert model.encoder is model.get_layer("encoder")
    assert model.decoder is model.get_layer("decoder")
    assert model.count_params() == model.encoder.count_params() + model.decoder.count_params()


def test_decoding_the_code_reconstructs(model, images):
    expected = np.asarray(model(images))
    final = "sample" if isinstance(model, VariationalAutoencoder) else "decode"
    decoded = model.signatures[final](code_of(model, images))
    np.testing.assert_allclose(decoded, expected, atol=1e-6)


def test_signatures(model):
    signatures = model.signatures
    assert signatures["reconstruct"] is model
    assert signatures["encode"] is model.encoder
    assert signatures["decode"] is model.decoder
    further = {"sample"} if isinstance(model, VariationalAutoencoder) else set()
    assert set(signatures) == {"reconstruct", "encode", "decode"} | further


def test_vae_outputs():
    model = zoo.create("vae", code=7, units=16)
    code = model.encoder(np.zeros((2, 28, 28, 1), "float32"))
    assert {name: tuple(value.shape) for name, value in code.items()} == {
        "mean": (2, 7),
        "log_variance": (2, 7),
    }
    noise = np.random.default_rng(0).normal(size=(2, 7)).astype("float32")
    logits = np.asarray(model.decoder(noise))
    sample = model.signatures["sample"]
    np.testing.assert_allclose(sample(noise), 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert sample.input_shape == (None, 7)
    assert {v.path for v in sample.variables} <= {v.path for v in model.variables}


def test_vae_is_random_in_training_only(images):
    model = zoo.create("vae", units=16)
    np.testing.assert_array_equal(model(images), model(images))
    # Both calls normalise by the same batch: only the sampled code can differ.
    assert not np.allclose(model(images, training=True), model(images, training=True), atol=1e-6)


def test_reading_signatures_leaves_the_model_as_it_is(model, images, tmp_path):
    """`sample` shares the decoder's layers: neither the graph nor a saved file may notice."""
    config, weights = model.get_config(), len(model.weights)
    for _ in range(2):
        model.signatures
    assert model.get_config() == config
    assert len(model.weights) == weights
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert set(loaded.signatures) == set(model.signatures)
    np.testing.assert_array_equal(loaded(images), model(images))


def test_clone_stays_an_autoencoder(model, images):
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert isinstance(clone, keras.Function)
    np.testing.assert_allclose(clone(images), model(images), atol=1e-6)
    assert type(clone) is type(model)


def test_autoencoder_learns_more_than_the_mean_image(learn):
    """Blobs at random places: after 60 steps the error is under that of the best constant image."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:16, 0:16]
    centres = rng.uniform(4, 12, size=(128, 2, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    images = np.exp(-squares / 8)[..., None].astype("float32")
    sizes = {"input_shape": (16, 16, 1), "code": 4, "filters": (8, 16)}
    model = zoo.create("convolutional_autoencoder", **sizes)
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    learn(model, images, 30)
    constant = np.square(images - images.mean(axis=0)).mean()
    assert model.evaluate(images, images, verbose=0) < 0.5 * constant
