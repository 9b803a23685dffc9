"""A deep network without nonlinearities, on which training itself can be studied.

Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks", 2014, https://arxiv.org/abs/1312.6120
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.normalization import batch_norm
from zoo.registry import architecture


@architecture(smallest={"input_shape": (8, 8, 1), "units": 16, "depth": 6, "batch_norm": True})
def deep_linear_network(input_shape=(28, 28, 1), classes=10, units=64, depth=25, batch_norm=False):
    """Dense layers one behind the other and nothing between them, or batch normalisation.

    The function is linear, the path that training takes to it is not. Layers start with a variance
    that keeps that of their inputs (Glorot & Bengio, 2010, equation 12).

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        units: Width of every layer but the last.
        depth: Dense layers, the output layer included.
        batch_norm: Normalise behind every layer but the last.

    146,570 parameters at the defaults.
    """
    units, depth = arguments.positive(units, "units"), arguments.positive(depth, "depth")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = layers.Flatten(name="flatten")(image)
    for i in range(1, depth):
        x = _linear(x, units, batch_norm, name=f"layer{i}")
    classes = arguments.positive(classes, "classes")
    x = layers.Dense(classes, kernel_initializer="glorot_normal", name="logits")(x)
    return keras.Model(image, x, name="deep_linear_network")


def _linear(x, units, normalized, *, name):
    x = layers.Dense(
        units, use_bias=not normalized, kernel_initializer="glorot_normal", name=f"{name}_dense"
    )(x)
    return batch_norm(x, f"{name}_bn") if normalized else x
