"""The autoencoder whose code is as short as it can be.

Hinton & Zemel, "Autoencoders, Minimum Description Length and Helmholtz Free Energy", 1993
"""

import math

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.layers.dense import dense_bn_relu
from zoo.layers.factorial_code import FactorialCode, FactorialSum
from zoo.registry import architecture


@architecture(smallest={"input_shape": (8, 8, 1), "groups": 4, "units": 8, "hidden": (32,), "deviation": 0.3})
def mdl_autoencoder(input_shape=(28, 28, 1), groups=24, units=16, hidden=(512,), deviation=0.1):
    """A factorial stochastic vector quantiser, trained to the shortest description of an image.

    Each of `groups` vector quantisers chooses one of its `units` with probabilities `p_d` that the
    encoder gives, and the decoder adds up the chosen units' weights. To describe an image is to tell
    the choices and what is left of the pixels, Gaussian with `deviation`. Its expected length is the
    free energy

        F = sum_d KL(p_d || prior_d) + E|x - b - sum_d w_d,c(d)|^2 / (2 deviation^2)

    in nats, but for a constant: the choices by their prior, less the bits back for the freedom to
    choose, and the squared error. That is the paper's, as is the choice by a network and not by the
    exact Boltzmann distribution, which makes F an upper bound. Here the expectation over the choices is
    taken in closed form (see `FactorialSum`), so that nothing is drawn at random, and the priors are
    trained with the weights.

    Training minimises `2 deviation^2 F` with the squared error summed over an image as the loss:
    the output is the expected reconstruction, and the model adds the variance of the reconstruction and
    `2 deviation^2` times the nats of the choices to its losses.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        groups: How many choices make the code.
        units: Among how many each is made; the code costs at most `groups ln(units)` nats.
        hidden: Units of the encoder's dense layers.
        deviation: Standard deviation of a pixel around its reconstruction. The larger it is, the
            fewer nats are spent on the code.

    Returns:
        An `Autoencoder` from images in `[0, 1]` to images in `[0, 1]` of the same shape. `encoder`
        gives the probabilities of the choices, `(n, groups, units)`.

    902,672 parameters at the defaults, batch-norm statistics included.
    """
    shape = arguments.image_shape(input_shape)
    groups, units = arguments.positive(groups, "groups"), arguments.positive(units, "units")
    encode = _encoder(shape, groups, units, arguments.positives(hidden, "hidden"), deviation)
    code = keras.Input((groups, units), name="code")
    pixels = FactorialSum(math.prod(shape), name="pixels")(code)
    decode = keras.Model(code, layers.Reshape(shape, name="image")(pixels), name="decoder")
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="mdl_autoencoder")


def _encoder(shape, groups, units, hidden, deviation):
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(image)
    for i, width in enumerate(hidden, start=1):
        x = dense_bn_relu(x, width, name=f"hidden{i}")
    x = layers.Dense(groups * units, name="logits")(x)
    return keras.Model(image, FactorialCode(groups, units, deviation, name="code")(x), name="encoder")
