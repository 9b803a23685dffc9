"""The variational autoencoder, from "Auto-Encoding Variational Bayes".

Kingma & Welling, 2014, https://arxiv.org/abs/1312.6114
"""

import math

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import VariationalAutoencoder
from zoo.decoders.deconvolution import deconvolutional_decoder
from zoo.layers.convolution import strided_features
from zoo.layers.dense import dense_bn_relu
from zoo.layers.sampling import GaussianSampling
from zoo.registry import architecture

HIDDEN = ("convolutional", "dense")


@architecture(smallest={"units": 16})
def vae(
    input_shape=(28, 28, 1),
    code=20,
    hidden="convolutional",
    filters=(32, 64),
    units=512,
    seed=None,
):
    """Variational autoencoder: Gaussian code, Bernoulli pixels.

    The model adds the divergence of the code from `N(0, I)`, in nats an image, to its losses; with
    the summed binary cross-entropy as the loss, training maximises the evidence lower bound
    (equation 10). In training the code is sampled; at inference it is the mean, so that an exported
    file holds no random operator.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        code: Width of the code, `(n, code)`.
        hidden: "convolutional", or "dense" for the paper's perceptrons (appendix C).
        filters: Channels of the encoder's convolutions, mirrored in the decoder; not used by
            "dense".
        units: Units of each hidden dense layer.
        seed: An integer for a repeatable sequence of samples.

    Returns:
        A `VariationalAutoencoder` from images in `[0, 1]` to the means of their pixels.
        `encoder` gives `{"mean": (n, code), "log_variance": (n, code)}`, `decoder` logits.

    3,311,177 parameters at the defaults, batch-norm statistics included.
    """
    shape = arguments.image_shape(input_shape)
    arguments.choice(hidden, "hidden", HIDDEN)
    filters = arguments.positives(filters, "filters") if hidden == "convolutional" else ()
    code, units = arguments.positive(code, "code"), arguments.positive(units, "units")
    encode = _encoder(shape, code, filters, units)
    decode = _decoder(shape, code, filters, units)
    image = keras.Input(shape, name="image")
    latent = GaussianSampling(seed, name="sampling")(**encode(image))
    pixels = layers.Activation("sigmoid", name="reconstruction")(decode(latent))
    return VariationalAutoencoder(image, pixels, name="vae")


def _encoder(shape, code, filters, units):
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(strided_features(image, filters))
    x = dense_bn_relu(x, units, name="hidden") if filters else _perceptron(x, units)
    outputs = {
        "mean": layers.Dense(code, name="mean")(x),
        "log_variance": layers.Dense(code, name="log_variance")(x),
    }
    return keras.Model(image, outputs, name="encoder")


def _decoder(shape, code, filters, units):
    if filters:
        return deconvolutional_decoder(
            code, shape, filters[::-1], hidden=(units,), activation="linear", name="decoder"
        )
    latent = keras.Input((code,), name="code")
    x = layers.Dense(math.prod(shape), name="logits")(_perceptron(latent, units))
    return keras.Model(latent, layers.Reshape(shape, name="image")(x), name="decoder")


def _perceptron(x, units):
    return layers.Dense(units, activation="tanh", name="hidden")(x)
