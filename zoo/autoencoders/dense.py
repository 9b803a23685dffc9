"""Autoencoders of dense layers, with a code that is narrower or wider than what it stands for.

Rumelhart, Hinton & Williams, "Learning Internal Representations by Error Propagation", 1986 (the
encoder problem); Ballard, "Modular Learning in Neural Networks", AAAI 1987
"""

import math

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.layers.dense import dense_bn_relu
from zoo.registry import architecture

HIDDEN = ("relu", "sigmoid", "tanh")
CODE = ("linear", *HIDDEN)
OUTPUT = ("sigmoid", "linear")


@architecture(smallest={"input_shape": (8, 8, 1), "code": 12, "hidden": (32,)})
def dense_autoencoder(
    input_shape=(28, 28, 1),
    code=32,
    hidden=(256,),
    activation="relu",
    code_activation="relu",
    output_activation="sigmoid",
):
    """Dense layers down to the code, and their mirror image up again.

    Undercomplete where `code` is smaller than an example: then it must leave out what matters least.
    Overcomplete where it is larger: then only a penalty or noise keeps it from copying.

    Args:
        input_shape: One to three sizes without the batch axis: `(height, width, channels)` of images,
            `(steps, channels)` of signals, or `(features,)`.
        code: Width of the code, `(n, code)`.
        hidden: Units of the layers between the image and the code, mirrored in the decoder; none
            leaves one layer each way.
        activation: Of the hidden layers: "relu", behind batch normalisation, "sigmoid" or "tanh".
        code_activation: Of the code: one of these, or "linear".
        output_activation: "sigmoid" for values in `[0, 1]`, "linear" for others.

    Returns:
        An `Autoencoder` from examples to reconstructions of the same shape.

    420,752 parameters at the defaults, batch-norm statistics included.
    """
    shape, code = arguments.shape(input_shape), arguments.positive(code, "code")
    widths = arguments.positives(hidden, "hidden") if hidden else ()
    arguments.choice(activation, "activation", HIDDEN)
    arguments.choice(code_activation, "code_activation", CODE)
    arguments.choice(output_activation, "output_activation", OUTPUT)
    encode = dense_encoder(shape, widths, code, activation, code_activation)
    decode = dense_decoder(shape, widths[::-1], code, activation, output_activation)
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="dense_autoencoder")


def dense_encoder(shape, hidden, code, activation, code_activation="linear"):
    """The model `encoder` from `(n, *shape)` through dense layers of `hidden` units to `(n, code)`."""
    image = keras.Input(shape, name="image")
    x = _stack(layers.Flatten(name="flatten")(image), hidden, activation)
    return keras.Model(image, _activated(x, code, code_activation, "code"), name="encoder")


def dense_decoder(shape, hidden, code, activation, output_activation="sigmoid"):
    """The model `decoder` from `(n, code)` through dense layers of `hidden` units to `(n, *shape)`."""
    latent = keras.Input((code,), name="code")
    x = _stack(latent, hidden, activation)
    x = layers.Dense(math.prod(shape), activation=output_activation, name="pixels")(x)
    return keras.Model(latent, layers.Reshape(shape, name="image")(x), name="decoder")


def _stack(x, hidden, activation):
    for i, width in enumerate(hidden, start=1):
        x = _activated(x, width, activation, f"hidden{i}")
    return x


def _activated(x, units, activation, name):
    """`(n, c)` to `(n, units)`; ReLU is normalised."""
    if activation == "relu":
        return dense_bn_relu(x, units, name=name)
    return layers.Dense(units, activation=activation, name=name)(x)
