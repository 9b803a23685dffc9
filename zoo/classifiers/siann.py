"""The shift-invariant artificial neural network: convolutions throughout, then one dense layer.

Zhang, "Shift-invariant pattern recognition neural network and its optical architecture", 1988;
Zhang, Itoh, Tanida & Ichioka, "Parallel distributed processing model with local space-invariant
interconnections and its optical architecture", Applied Optics 29, 1990
"""

import keras
from keras import layers

from zoo import arguments
from zoo.registry import architecture


@architecture(smallest={"input_shape": (12, 12, 1), "filters": (4, 4), "kernel_size": 3})
def siann(input_shape=(28, 28, 1), classes=10, filters=(8, 8), kernel_size=5):
    """Convolutions with sigmoids at full resolution, without any pooling, and a dense layer.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Maps of each convolution.
        kernel_size: Height and width of every kernel, or two numbers.

    64,546 parameters at the defaults.
    """
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = space_invariant(image, filters, kernel_size)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="siann")


def space_invariant(x, filters, kernel_size):
    """One convolution with a sigmoid a width: `(n, h, w, c)` to `(n, h, w, filters[-1])`.

    Layers: `layer1`, `layer2`, ...
    """
    kernel_size = arguments.pair(kernel_size, "kernel_size")
    for i, width in enumerate(arguments.positives(filters, "filters"), start=1):
        x = layers.Conv2D(width, kernel_size, padding="same", activation="sigmoid", name=f"layer{i}")(x)
    return x
