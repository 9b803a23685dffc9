"""An autoencoder for lossy compression, after "End-to-end Optimized Image Compression".

Ballé, Laparra & Simoncelli, 2017, https://arxiv.org/abs/1611.01704
"""

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.decoders.deconvolution import deconvolutional_decoder
from zoo.layers.convolution import strided_features
from zoo.layers.entropy_bottleneck import EntropyBottleneck
from zoo.registry import architecture


@architecture(smallest={"code": 16, "rate_weight": 1e-3})
def compression_autoencoder(
    input_shape=(28, 28, 1),
    code=64,
    filters=(32, 64),
    rate_weight=0.02,
    components=3,
    seed=None,
):
    """Autoencoder whose code is cheap to store once it is rounded to integers.

    The model adds the nats that the code costs, times `rate_weight`, to its losses; with the squared
    error summed over an image as the loss, training minimises distortion plus `rate_weight` times rate
    (section 3). In training uniform noise stands in the place of rounding. At inference
    nothing is rounded: `encode` gives real numbers, and a codec stores them rounded, or multiplied by
    a gain and rounded for another rate. For small images the code is a vector, where the paper has
    maps, and batch normalisation with ReLU, which folds into convolutions, is in the place of its
    divisive normalisation.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        code: Width of the code, `(n, code)`. Units that are not worth their nats stay constant.
        filters: Channels of the encoder's convolutions, mirrored in the decoder.
        rate_weight: Squared error that a nat must save to be spent; the lower, the better the pictures
            and the longer the code.
        components: Logistic distributions in the density of each unit of the code.
        seed: An integer for a repeatable sequence of noise.

    Returns:
        An `Autoencoder` from images in `[0, 1]` to images in `[0, 1]` of the same shape. Its layer
        `entropy` holds the densities.

    467,105 parameters at the defaults, batch-norm statistics included.
    """
    shape, code = arguments.image_shape(input_shape), arguments.positive(code, "code")
    widths = arguments.positives(filters, "filters")
    encode = _encoder(shape, code, widths)
    decode = deconvolutional_decoder(code, shape, widths[::-1], name="decoder")
    image = keras.Input(shape, name="image")
    stored = EntropyBottleneck(rate_weight, components, seed, name="entropy")(encode(image))
    return Autoencoder(image, decode(stored), name="compression_autoencoder")


def _encoder(shape, code, filters):
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(strided_features(image, filters))
    return keras.Model(image, layers.Dense(code, name="code")(x), name="encoder")
