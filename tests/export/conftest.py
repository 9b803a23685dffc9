"""Small models of every kind, each converted once a session to every precision."""

import dataclasses
import functools

import keras
import numpy as np
import pytest

import export

L = keras.layers


@dataclasses.dataclass
class Net:
    """A model with data, its files, and the operators its float32 file should consist of."""

    name: str
    model: keras.Model
    signatures: dict | None
    samples: dict
    operators: dict
    files: dict = dataclasses.field(default_factory=dict)

    @property
    def calibration(self):
        return {name: [rows] for name, rows in self.samples.items()} if self.signatures else [self.main]

    @property
    def main(self):
        return next(iter(self.samples.values()))


def conv_bn_relu():
    image = keras.Input((12, 12, 3), name="image")
    x = L.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(image)
    x = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(x))
    x = L.MaxPooling2D(name="pool")(x)
    x = L.GlobalAveragePooling2D(name="mean")(L.Conv2D(8, 3, activation="relu", name="conv")(x))
    return keras.Model(image, L.Dense(5, name="logits")(x), name="conv_bn_relu")


def separable():
    image = keras.Input((12, 12, 3), name="image")
    x = L.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(image)
    x = L.ReLU(6.0, name="relu")(L.BatchNormalization(name="norm")(x))
    x = L.GlobalAveragePooling2D(name="mean")(L.Conv2D(8, 1, name="pointwise")(x))
    return keras.Model(image, L.Dense(5, name="logits")(x), name="separable")


def dilated():
    x = image = keras.Input((12, 12, 3), name="image")
    for rate in (1, 2, 4):
        x = L.Conv2D(6, 3, dilation_rate=rate, padding="same", use_bias=False, name=f"rate{rate}")(x)
        x = L.ReLU(name=f"relu{rate}")(L.BatchNormalization(name=f"norm{rate}")(x))
    x = L.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, L.Dense(5, name="logits")(x), name="dilated")


def deconvolution():
    latent = keras.Input((6,), name="latent")
    x = L.Reshape((3, 3, 8), name="grid")(L.Dense(72, activation="relu", name="dense")(latent))
    x = L.Conv2DTranspose(6, 3, strides=2, padding="same", use_bias=False, name="up1")(x)
    x = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(x))
    x = L.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid", name="up2")(x)
    return keras.Model(latent, x, name="deconvolution")


class Resize(L.Layer):
    def call(self, x):
        size = (2 * x.shape[1], 2 * x.shape[2])
        return keras.ops.image.resize(x, size, interpolation="nearest")


def upsampling():
    image = keras.Input((6, 6, 4), name="image")
    x = Resize(name="up")(L.Conv2D(6, 3, padding="same", activation="relu", name="conv1")(image))
    x = L.Conv2D(1, 3, padding="same", activation="sigmoid", name="conv2")(x)
    return keras.Model(image, x, name="upsampling")


def two_outputs():
    image = keras.Input((12, 12, 3), name="image")
    x = L.Conv2D(6, 3, activation="relu", name="conv")(image)
    x = L.GlobalAveragePooling2D(name="mean")(x)
    outputs = {"logits": L.Dense(5, name="head")(x), "box": L.Dense(4, activation="sigmoid")(x)}
    return keras.Model(image, outputs, name="two_outputs")


def autoencoder():
    image, code = keras.Input((6, 6, 1), name="image"), keras.Input((4,), name="code")
    x = L.Dense(16, activation="relu", name="encode1")(L.Flatten(name="flat")(image))
    encoder = keras.Model(image, L.Dense(4, name="encode2")(x), name="encoder")
    x = L.Dense(36, activation="sigmoid", name="decode2")(L.Dense(16, activation="relu")(code))
    decoder = keras.Model(code, L.Reshape((6, 6, 1), name="image_out")(x), name="decoder")
    whole = keras.Model(image, decoder(encoder(image)), name="autoencoder")
    return {"reconstruct": whole, "encode": encoder, "decode": decoder}


BUILDERS = {
    conv_bn_relu: {"CONV_2D": 2, "MAX_POOL_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1},
    separable: {"DEPTHWISE_CONV_2D": 1, "CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1},
    dilated: {"CONV_2D": 3, "MEAN": 1, "FULLY_CONNECTED": 1},
    deconvolution: {"FULLY_CONNECTED": 1, "RESHAPE": 1, "CONV_2D": 2, "DEPTH_TO_SPACE": 2, "LOGISTIC": 1},
    upsampling: {"CONV_2D": 2, "RESIZE_NEAREST_NEIGHBOR": 1, "LOGISTIC": 1},
    two_outputs: {"CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 2, "LOGISTIC": 1},
    autoencoder: {"FULLY_CONNECTED": 8, "RESHAPE": 4, "LOGISTIC": 2},
}


def build(builder):
    """A net whose batch statistics are far from neutral, so that a fold left out would show."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    made = builder()
    signatures = made if isinstance(made, dict) else None
    model = next(iter(made.values())) if signatures else made
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    samples = {"serving_default": rng.random((48, *model.input_shape[1:]), np.float32)}
    if signatures:
        images = next(iter(samples.values()))
        codes = np.asarray(signatures["encode"](images))
        samples = {"reconstruct": images, "encode": images, "decode": codes}
    return Net(
        made.name if not signatures else "autoencoder",
        model,
        signatures,
        samples,
        BUILDERS[builder],
    )


@pytest.fixture(scope="session", params=BUILDERS, ids=lambda builder: builder.__name__)
def net(request):
    """Every model in turn, with a file of every precision in `files`."""
    return converted(request.param)


@functools.cache
def converted(builder):
    """A net with a file of every precision in `files`; tests must leave it as it is."""
    made = build(builder)
    made.files = export.convert(made.model, export.PRECISIONS, made.calibration, made.signatures)
    return made


@pytest.fixture(scope="session")
def classifier():
    """One model with its files, for tests that need any."""
    return converted(conv_bn_relu)


@pytest.fixture(scope="session")
def coder():
    """A model of three signatures, with its files."""
    return converted(autoencoder)


@pytest.fixture(scope="session")
def chain():
    """`chain(shape, *layers)` is a functional model of layers in a row."""

    def make(shape, *layers, dtype="float32"):
        keras.utils.set_random_seed(2)
        x = start = keras.Input(shape, name="x", dtype=dtype)
        for layer in layers:
            x = layer(x)
        return keras.Model(start, x, name="chain")

    return make
