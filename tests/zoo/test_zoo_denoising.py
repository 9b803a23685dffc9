"""The denoising autoencoder: corrupted in training only, and better than its noisy input."""

import keras
import numpy as np
import pytest

import zoo
from zoo.layers.corruption import AnyNoise, MaskingNoise, SaltAndPepperNoise

SMALL = {"code": 6, "filters": (4, 8), "input_shape": (16, 16, 1)}


@pytest.fixture(scope="module")
def images():
    """Blobs at random places."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:16, 0:16]
    centres = rng.uniform(4, 12, size=(192, 2, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    return np.exp(-squares / 12)[..., None].astype("float32")


@pytest.mark.parametrize(
    ("noise", "layer"),
    [
        ("any", AnyNoise),
        ("gaussian", keras.layers.GaussianNoise),
        ("masking", MaskingNoise),
        ("salt_and_pepper", SaltAndPepperNoise),
    ],
)
def test_noise_is_the_first_layer(noise, layer):
    model = zoo.create("denoising_autoencoder", noise=noise, level=0.4, seed=3, **SMALL)
    corruption = model.get_layer("corruption")
    assert type(corruption) is layer
    assert 0.4 in (getattr(corruption, "level", None), getattr(corruption, "stddev", None))
    assert corruption.seed == 3
    assert model.count_params() == model.encoder.count_params() + model.decoder.count_params()


@pytest.mark.parametrize("hidden", ["convolutional", "dense"])
def test_is_random_in_training_only(hidden, images):
    model = zoo.create("denoising_autoencoder", hidden=hidden, **SMALL)
    np.testing.assert_array_equal(model(images[:4]), model(images[:4]))
    np.testing.assert_allclose(
        model.signatures["decode"](model.signatures["encode"](images[:4])), model(images[:4]), atol=1e-6
    )
    assert set(model.signatures) == {"reconstruct", "encode", "decode"}
    # Both calls normalise by the same batch: only the noise can differ.
    assert not np.allclose(model(images[:4], training=True), model(images[:4], training=True), atol=1e-6)


@pytest.mark.parametrize(("shape", "code"), [((28, 28, 1), (7, 7, 5)), ((9, 14, 3), (3, 4, 5))])
def test_convolutional_code_is_a_map(shape, code):
    model = zoo.create("denoising_autoencoder", input_shape=shape, code=5, filters=(4, 8), convolutions=2)
    assert model.encoder.output_shape == model.decoder.input_shape == (None, *code)
    assert model.output_shape == (None, *shape)


def test_dense_code_may_be_wider_than_the_image():
    model = zoo.create("denoising_autoencoder", input_shape=(8, 8, 1), hidden="dense", code=100)
    assert model.encoder.output_shape == model.decoder.input_shape == (None, 100)
    assert model.count_params() == 64 * 100 + 4 * 100 + 100 * 64 + 64
    assert float(np.min(model.encoder(np.zeros((1, 8, 8, 1), "float32")))) >= 0


def test_learns_to_denoise(images):
    """Trained towards its own input, it brings noisy images it has not seen much nearer to clean ones."""
    keras.utils.set_random_seed(0)
    model = zoo.create("denoising_autoencoder", noise="gaussian", level=0.3, seed=0, **SMALL)
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    model.fit(images[:160], images[:160], batch_size=32, epochs=25, verbose=0)
    clean = images[160:]
    noisy = clean + 0.3 * np.random.default_rng(1).standard_normal(clean.shape, np.float32)
    error = np.square(model.predict(noisy, verbose=0) - clean).mean()
    assert error < 0.25 * np.square(noisy - clean).mean()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"noise": "speckle"}, "noise='speckle'.*'any', 'gaussian', 'masking', 'salt_and_pepper'"),
        ({"hidden": "linear"}, "hidden='linear'"),
        ({"level": 1.5}, "level=1.5"),
        ({"code": 0}, "code=0"),
        ({"filters": ()}, "filters=()"),
        ({"convolutions": 0}, "convolutions=0"),
    ],
)
def test_refuses_arguments(given, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        zoo.create("denoising_autoencoder", **given)
