"""The concrete autoencoder, which reconstructs an image from few of its pixels and learns from which.

Abid, Balin & Zou, "Concrete Autoencoders: Differentiable Feature Selection and Reconstruction",
2019, https://arxiv.org/abs/1901.09346
"""

import math

import keras
import numpy as np
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.layers.concrete_selector import ConcreteSelector
from zoo.registry import architecture


@keras.saving.register_keras_serializable("zoo")
class ConcreteAutoencoder(Autoencoder):
    """An `Autoencoder` whose code is some of the image's own pixels."""

    @property
    def selector(self):
        """The layer that chooses, a `ConcreteSelector`."""
        return self.encoder.get_layer("selector")

    @property
    def selected_features(self):
        """The place of each number of the code in the flattened image, integers `(features,)`."""
        return self.selector.selected

    @property
    def selected_pixels(self):
        """The place of each number of the code in the image: row and column, `(features, 2)`.

        In an image of several channels a pixel can be there once for each of them.
        """
        shape = self.input_shape[1:]
        return np.stack(np.unravel_index(self.selected_features, shape)[:2], axis=-1)


@architecture(smallest={"input_shape": (8, 8, 1), "features": 24, "hidden": (64, 128), "seed": 0})
def concrete_autoencoder(
    input_shape=(28, 28, 1),
    features=50,
    hidden=(320, 320),
    dropout=0.1,
    steps=10_000,
    start_temperature=10.0,
    end_temperature=0.01,
    seed=None,
):
    """A concrete selector as the encoder, and a perceptron as the decoder.

    In training each number of the code is a mixture of pixels that turns into a single one as the
    temperature falls (section 3); at inference it is one pixel exactly, and the encoder only copies.
    Two numbers of the code may turn out to be the same pixel.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        features: How many pixels are chosen, the width of the code `(n, features)`.
        hidden: Units of the decoder's dense layers, each with a leaky ReLU of slope 0.2 and dropout.
        dropout: Fraction of the hidden units that are dropped in training.
        steps: Training steps in which the temperature falls: those of the whole training, best.
        start_temperature, end_temperature: Its first and its last value (section 3).
        seed: An integer for a repeatable sequence of draws.

    Returns:
        A `ConcreteAutoencoder` from images in `[0, 1]` to images in `[0, 1]` of the same shape; its
        `selected_pixels` says which were chosen.

    409,905 parameters at the defaults, the counter of steps included.
    """
    shape = arguments.image_shape(input_shape)
    features, widths = arguments.positive(features, "features"), arguments.positives(hidden, "hidden")
    if features > math.prod(shape):
        raise ValueError(
            f"features={features}: an image of {shape} has only {math.prod(shape)} values to choose "
            f"from. Pass features={math.prod(shape)} or fewer."
        )
    selector = ConcreteSelector(features, steps, start_temperature, end_temperature, seed, name="selector")
    image = keras.Input(shape, name="image")
    encode = keras.Model(image, selector(layers.Flatten(name="flatten")(image)), name="encoder")
    decode = _decoder(features, widths, arguments.rate(dropout, "dropout"), shape)
    image = keras.Input(shape, name="image")
    return ConcreteAutoencoder(image, decode(encode(image)), name="concrete_autoencoder")


def _decoder(features, hidden, dropout, shape):
    code = keras.Input((features,), name="code")
    x = code
    # No batch normalisation: while pixels are still mixed, its statistics are not those of inference.
    for i, width in enumerate(hidden, start=1):
        x = layers.Dense(width, kernel_initializer="he_normal", name=f"hidden{i}_dense")(x)
        x = layers.LeakyReLU(0.2, name=f"hidden{i}_relu")(x)
        x = layers.Dropout(dropout, name=f"hidden{i}_dropout")(x)
    x = layers.Dense(math.prod(shape), activation="sigmoid", name="pixels")(x)
    return keras.Model(code, layers.Reshape(shape, name="image")(x), name="decoder")
