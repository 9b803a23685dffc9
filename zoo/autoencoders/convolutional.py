"""A convolutional autoencoder.

Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science, 2006,
for the linear code; Masci et al., "Stacked Convolutional Auto-Encoders for Hierarchical Feature
Extraction", ICANN 2011, for the convolutions.
"""

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.decoders.deconvolution import deconvolutional_decoder
from zoo.decoders.upsampling import upsampling_decoder
from zoo.layers.convolution import strided_features
from zoo.registry import architecture

DECODERS = {"deconvolution": deconvolutional_decoder, "upsampling": upsampling_decoder}


@architecture
def convolutional_autoencoder(
    input_shape=(28, 28, 1), code=30, filters=(32, 64), decoder="deconvolution"
):
    """Strided convolutions down to a linear code, and a decoder that mirrors them.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        code: Width of the code, `(n, code)`.
        filters: Channels of the encoder's convolutions, each of which halves the resolution.
        decoder: "deconvolution" or "upsampling".

    Returns:
        An `Autoencoder` from images in `[0, 1]` to images in `[0, 1]` of the same shape.

    253,247 parameters at the defaults, batch-norm statistics included.
    """
    shape = arguments.image_shape(input_shape)
    widths = arguments.positives(filters, "filters")
    arguments.choice(decoder, "decoder", tuple(DECODERS))
    encode = _encoder(shape, arguments.positive(code, "code"), widths)
    decode = DECODERS[decoder](code, shape, widths[::-1], name="decoder")
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="convolutional_autoencoder")


def _encoder(shape, code, filters):
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(strided_features(image, filters))
    return keras.Model(image, layers.Dense(code, name="code")(x), name="encoder")
