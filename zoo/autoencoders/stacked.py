"""The stacked autoencoder, whose layers are learnt one after the other before they are trained as one.

Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 313,
2006; Bengio, Lamblin, Popovici & Larochelle, "Greedy Layer-Wise Training of Deep Networks", 2006
"""

import keras

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.autoencoders.dense import dense_decoder, dense_encoder
from zoo.registry import architecture


@architecture(smallest={"input_shape": (8, 8, 1), "code": 8, "hidden": (64,)})
def stacked_autoencoder(input_shape=(28, 28, 1), code=30, hidden=(1000, 500, 250)):
    """Sigmoid units as published, each layer of which can be a restricted Boltzmann machine first.

    A layer up, its mirror image down, their biases and no more: the weights, transposed, and both
    biases of one machine (`zoo.layers.boltzmann`). The recipe value `pretraining.kind=rbm` trains the
    machines, one on what the one before makes of the data, and puts their weights here.

    Args:
        input_shape: One to three sizes without the batch axis, such as `(height, width, channels)`.
        code: Width of the linear code, `(n, code)`.
        hidden: Units of the layers between the image and the code, mirrored in the decoder.

    Returns:
        An `Autoencoder` from images in `[0, 1]` to images in `[0, 1]` of the same shape.

    2,837,314 parameters at the defaults.
    """
    shape, code = arguments.shape(input_shape), arguments.positive(code, "code")
    widths = arguments.positives(hidden, "hidden")
    encode = dense_encoder(shape, widths, code, "sigmoid")
    decode = dense_decoder(shape, widths[::-1], code, "sigmoid")
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="stacked_autoencoder")
