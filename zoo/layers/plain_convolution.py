"""Convolution and ReLU as in the networks before batch normalisation."""

from keras import layers

from zoo.layers.convolution import conv_bn_relu
from zoo.layers.local_response import LocalResponseNormalization

NORMALIZATIONS = ("local", "batch", "none")


def conv_relu(x, filters, kernel_size, *, name, batch_norm=False, **geometry):
    """Convolution, then ReLU: layers `{name}_conv`, `{name}_relu`, and `{name}_bn` where asked for.

    Args:
        x: `(n, h, w, c)`.
        filters: Channels of the output.
        kernel_size: An integer or `(height, width)`.
        name: Prefix of the layers.
        batch_norm: Normalise before the ReLU; the convolution then has no bias.
        **geometry: `strides` and `padding` ("same" by default).

    Returns:
        `(n, ceil(h / strides), ceil(w / strides), filters)` with `same` padding.
    """
    if batch_norm:
        return conv_bn_relu(x, filters, kernel_size, name=name, **geometry)
    geometry = {"padding": "same", **geometry}
    x = layers.Conv2D(filters, kernel_size, kernel_initializer="he_normal", name=f"{name}_conv", **geometry)(
        x
    )
    return layers.ReLU(name=f"{name}_relu")(x)


def local_norm(x, normalization, *, name):
    """Local response normalisation where `normalization` is "local", else `x` as it is."""
    return LocalResponseNormalization(name=name)(x) if normalization == "local" else x
