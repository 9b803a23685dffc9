"""The contractive autoencoder.

Rifai, Vincent, Muller, Glorot & Bengio, "Contractive Auto-Encoders: Explicit Invariance During Feature
Extraction", ICML 2011
"""

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.autoencoders.dense import dense_decoder
from zoo.layers.contraction import ContractiveDense
from zoo.registry import architecture

ACTIVATIONS = ("sigmoid", "tanh")


@architecture(smallest={"input_shape": (8, 8, 1), "code": 24, "hidden": (32,)})
def contractive_autoencoder(
    input_shape=(28, 28, 1),
    code=1000,
    hidden=(),
    weight=0.1,
    activation="sigmoid",
    directions=1,
    seed=None,
):
    """An encoder that is asked to change little with its input, where the reconstruction lets it.

    `ContractiveDense` gives the penalty: the squared Frobenius norm of the encoder's Jacobian, exact
    for the paper's one layer, an unbiased estimate with `hidden` ones. Its weight goes with a loss
    that is a sum over pixels. The decoder has weights of its own, where the paper takes the encoder's
    transposed: weight decay is what keeps the one from shrinking while the other grows.

    Args:
        input_shape: One to three sizes without the batch axis, such as `(height, width, channels)`.
        code: Width of the code, `(n, code)`.
        hidden: Units of the layers between the image and the code, mirrored in the decoder.
        weight: Of the squared norm in the loss, λ in the paper.
        activation: Of the encoder: "sigmoid" or "tanh".
        directions: Directions an example from which the norm is estimated; not used by one layer.
        seed: An integer for a repeatable sequence of directions.

    Returns:
        An `Autoencoder` from examples to reconstructions in `[0, 1]` of the same shape.

    1,569,784 parameters at the defaults.
    """
    shape, code = arguments.shape(input_shape), arguments.positive(code, "code")
    widths = arguments.positives(hidden, "hidden") if hidden else ()
    arguments.choice(activation, "activation", ACTIVATIONS)
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(image)
    contractive = ContractiveDense((*widths, code), weight, activation, directions, seed, name="code")
    encode = keras.Model(image, contractive(x), name="encoder")
    decode = dense_decoder(shape, widths[::-1], code, activation)
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="contractive_autoencoder")
