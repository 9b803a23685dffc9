"""How a decoder starts (a code becomes a map) and ends (a map becomes the image)."""

import math

from keras import layers

from zoo import arguments
from zoo.layers.dense import dense_bn_relu

ACTIVATIONS = ("sigmoid", "linear")


def dense_stack(code, units):
    """Dense layers with batch normalisation and ReLU: `(n, code)` to `(n, units[-1])`.

    None if `units` is empty.
    """
    for i, width in enumerate(arguments.positives(units, "hidden") if units else (), start=1):
        code = dense_bn_relu(code, width, name=f"hidden{i}")
    return code


def feature_map(code, image_shape, filters):
    """The first map of a decoder that doubles it `len(filters)` times to `image_shape`.

    `(n, code)` to `(n, ceil(height / 2**k), ceil(width / 2**k), filters[0])`.
    """
    height, width = (math.ceil(size / 2 ** len(filters)) for size in image_shape[:2])
    # Normalised before the reshape: behind it, a converter can't fold it into the dense layer.
    x = dense_bn_relu(code, height * width * filters[0], name="map")
    return layers.Reshape((height, width, filters[0]), name="map")(x)


def doubled(x, filters, kernel_size=4, **options):
    """A transposed convolution of stride 2: `(n, h, w, c)` to `(n, 2h, 2w, filters)`."""
    return layers.Conv2DTranspose(filters, kernel_size, strides=2, padding="same", **options)(x)


def finished_image(x, image_shape, activation):
    """Crops `x` evenly to `image_shape` where it is larger, then applies `activation`.

    Raises:
        ValueError: `activation` is none of `ACTIVATIONS`.
    """
    arguments.choice(activation, "activation", ACTIVATIONS)
    excess = [given - wanted for given, wanted in zip(x.shape[1:3], image_shape[:2], strict=True)]
    if any(excess):
        cropping = [(total // 2, total - total // 2) for total in excess]
        x = layers.Cropping2D(cropping, name="crop")(x)
    return layers.Activation(activation, name="image")(x)
