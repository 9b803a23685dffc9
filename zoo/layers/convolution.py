"""Convolution, batch normalisation and ReLU, in the order that folds into one operator."""

from keras import layers

from zoo.layers.blur import BlurPool2D
from zoo.layers.normalization import batch_norm


def conv_bn(x, filters, kernel_size, *, name, bias=False, **geometry):
    """Convolution, then batch normalisation.

    Args:
        x: `(n, h, w, c)`.
        filters: Channels of the output.
        kernel_size: An integer or `(height, width)`.
        name: Prefix of the layers `{name}_conv` and `{name}_bn`.
        bias: Off because the normalisation's shift takes its place.
        **geometry: `strides`, `dilation_rate` and `padding` ("same" by default).

    Returns:
        `(n, ceil(h / strides), ceil(w / strides), filters)` with `same` padding.
    """
    geometry = {"padding": "same", **geometry}
    x = layers.Conv2D(
        filters,
        kernel_size,
        use_bias=bias,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
        **geometry,
    )(x)
    return batch_norm(x, f"{name}_bn")


def conv_bn_relu(x, filters, kernel_size, *, name, bias=False, **geometry):
    """`conv_bn`, then `{name}_relu`."""
    x = conv_bn(x, filters, kernel_size, name=name, bias=bias, **geometry)
    return layers.ReLU(name=f"{name}_relu")(x)


def separable_block(x, filters, *, name, kernel_size=3, strides=1, blur=False):
    """Depthwise, then pointwise convolution, each with batch normalisation and ReLU.

    MobileNets (Howard et al., 2017, figure 3), https://arxiv.org/abs/1704.04861. With `blur` the
    strides are those of a `BlurPool2D`, `{name}_blur`, between the two.
    `(n, h, w, c)` to `(n, ceil(h / strides), ceil(w / strides), filters)`.
    """
    x = layers.DepthwiseConv2D(
        kernel_size,
        strides=1 if blur else strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )(x)
    x = batch_norm(x, f"{name}_depthwise_bn")
    x = layers.ReLU(name=f"{name}_depthwise_relu")(x)
    if blur and strides != 1:
        x = BlurPool2D(strides, name=f"{name}_blur")(x)
    x = layers.Conv2D(
        filters, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_pointwise"
    )(x)
    x = batch_norm(x, f"{name}_pointwise_bn")
    return layers.ReLU(name=f"{name}_pointwise_relu")(x)


def strided_features(x, filters, kernel_size=3):
    """One `conv_bn_relu` of stride 2 a width: `(n, h, w, c)` to `(n, h/2**k, w/2**k, filters[-1])`.

    Sizes round up. Layers: `block1_conv`, `block1_bn`, `block1_relu`, ...
    """
    for i, width in enumerate(filters, start=1):
        x = conv_bn_relu(x, width, kernel_size, strides=2, name=f"block{i}")
    return x
