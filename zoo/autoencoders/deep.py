"""The deep autoencoder, from "Reducing the Dimensionality of Data with Neural Networks".

Hinton & Salakhutdinov, Science 313, 2006
"""

import keras

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.autoencoders.dense import HIDDEN, OUTPUT, dense_decoder, dense_encoder
from zoo.registry import architecture


@architecture(smallest={"input_shape": (8, 8, 1), "code": 6, "hidden": (40, 20)})
def deep_autoencoder(
    input_shape=(28, 28, 1),
    code=30,
    hidden=(1000, 500, 250),
    activation="relu",
    output_activation="sigmoid",
):
    """784-1000-500-250-30 with a linear code, and the same layers back.

    Args:
        input_shape: One to three sizes without the batch axis, such as `(height, width, channels)`.
        code: Width of the code, `(n, code)`.
        hidden: Units of the layers between the image and the code, mirrored in the decoder.
        activation: "relu", behind batch normalisation, which trains from random weights; "sigmoid" as
            published, which hardly does: see `stacked_autoencoder`; or "tanh".
        output_activation: "sigmoid" for values in `[0, 1]`, "linear" for others.

    Returns:
        An `Autoencoder` from images in `[0, 1]` to images in `[0, 1]` of the same shape.

    2,847,814 parameters at the defaults, batch-norm statistics included.
    """
    shape, code = arguments.shape(input_shape), arguments.positive(code, "code")
    widths = arguments.positives(hidden, "hidden")
    arguments.choice(activation, "activation", HIDDEN)
    arguments.choice(output_activation, "output_activation", OUTPUT)
    encode = dense_encoder(shape, widths, code, activation)
    decode = dense_decoder(shape, widths[::-1], code, activation, output_activation)
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="deep_autoencoder")
