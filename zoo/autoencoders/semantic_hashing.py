"""Semantic hashing: similar images get codes of bits that are nearly the same.

Salakhutdinov & Hinton, "Semantic hashing", International Journal of Approximate Reasoning 50, 2009
"""

import math

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.layers.binary_code import BinaryCode
from zoo.layers.dense import dense_bn_relu
from zoo.registry import architecture


@architecture(smallest={"bits": 16, "units": (128, 64)})
def semantic_hashing(input_shape=(28, 28, 1), bits=28, units=(500, 500), noise=4.0, seed=None):
    """Deep autoencoder with a code of bits, each an address line of a hash table.

    In training, Gaussian noise before the sigmoids of the code drives them to 0 and 1. `encode` gives
    the sigmoids without noise; whoever stores a code thresholds it at 1/2. The paper starts from
    restricted Boltzmann machines; here the net is trained as one from the start, and what the sigmoids
    get is normalised over the batch, so that each bit is on for about half of the images and the
    addresses are used evenly.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        bits: Width of the code, `(n, bits)`.
        units: Units of the encoder's hidden layers, mirrored in the decoder.
        noise: Standard deviation of the noise.
        seed: An integer for a repeatable sequence of noise.

    Returns:
        An `Autoencoder` from images in `[0, 1]` to the means of their pixels. `encoder` gives
        numbers in `[0, 1]`, nearly all of them close to 0 or 1 once it is trained.

    1,320,868 parameters at the defaults, batch-norm statistics included.
    """
    shape, bits = arguments.image_shape(input_shape), arguments.positive(bits, "bits")
    widths = arguments.positives(units, "units")
    encode, decode = _encoder(shape, bits, widths, noise, seed), _decoder(shape, bits, widths[::-1])
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="semantic_hashing")


def _encoder(shape, bits, units, noise, seed):
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(image)
    for i, width in enumerate(units, start=1):
        x = dense_bn_relu(x, width, name=f"hidden{i}")
    x = layers.Dense(bits, use_bias=False, name="code_dense")(x)
    # As strong as the noise to begin with; no offset, so that half of the images are on either side of 0.
    strength = keras.initializers.Constant(noise)
    x = layers.BatchNormalization(momentum=0.9, center=False, gamma_initializer=strength, name="code_bn")(x)
    return keras.Model(image, BinaryCode(noise, seed, name="code")(x), name="encoder")


def _decoder(shape, bits, units):
    code = x = keras.Input((bits,), name="code")
    for i, width in enumerate(units, start=1):
        x = dense_bn_relu(x, width, name=f"hidden{i}")
    x = layers.Dense(math.prod(shape), activation="sigmoid", name="pixels")(x)
    return keras.Model(code, layers.Reshape(shape, name="image")(x), name="decoder")
