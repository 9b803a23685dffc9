"""Inverted residual blocks: thin between blocks, wide within.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, section 3.3 and
table 1, https://arxiv.org/abs/1801.04381; with the squeeze-excitation that Howard et al.,
"Searching for MobileNetV3", 2019, section 5.3, put in it, https://arxiv.org/abs/1905.02244
"""

from keras import layers

from zoo.layers.blur import BlurPool2D
from zoo.layers.convolution import conv_bn
from zoo.layers.normalization import batch_norm
from zoo.layers.width import scaled_width


def inverted_residual(
    x, filters, *, expansion, kernel_size=3, strides=1, activation="relu6", squeeze=0.0, blur=False, name
):
    """1 x 1 expansion, depthwise convolution and linear 1 x 1 projection, plus the input.

    The input is added where the block keeps its shape. Layers, each convolution with `_bn`:
    `{name}_expand_conv`, `{name}_expand_act` (none at an expansion of 1), `{name}_depthwise`,
    `{name}_depthwise_act`, `{name}_blur` (with `blur`), `{name}_squeeze_...` (with `squeeze`),
    `{name}_project_conv` and `{name}_add`.

    Args:
        x: `(n, h, w, c)`.
        filters: Channels of the output.
        expansion: Channels of the depthwise convolution over those of `x`; the product is rounded.
        kernel_size: Of the depthwise convolution.
        strides: Of the depthwise convolution.
        activation: A name that `keras.activations` knows.
        squeeze: Width of the squeeze-excitation over that of the depthwise convolution; 0 for none.
        blur: Whether the strides are those of a `BlurPool2D` behind the depthwise convolution
            (Zhang, 2019, section 3.2, https://arxiv.org/abs/1904.11486).
        name: Prefix of the layers' names.

    Returns:
        `(n, ceil(h / strides), ceil(w / strides), filters)`.
    """
    shortcut, channels = x, x.shape[-1]
    expanded = round(channels * expansion)
    if expanded != channels:
        x = conv_bn_act(x, expanded, 1, activation=activation, name=f"{name}_expand")
    conv_strides = 1 if blur else strides
    x = depthwise_bn_act(
        x, kernel_size, strides=conv_strides, activation=activation, name=f"{name}_depthwise"
    )
    if blur and strides != 1:
        x = BlurPool2D(strides, name=f"{name}_blur")(x)
    if squeeze:
        x = squeeze_excitation(x, scaled_width(expanded, squeeze), name=f"{name}_squeeze")
    x = conv_bn(x, filters, 1, name=f"{name}_project")
    if strides == 1 and channels == filters:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def conv_bn_act(x, filters, kernel_size, *, activation, name, **geometry):
    """`conv_bn`, then the activation `{name}_act`."""
    x = conv_bn(x, filters, kernel_size, name=name, **geometry)
    return layers.Activation(activation, name=f"{name}_act")(x)


def depthwise_bn_act(x, kernel_size, *, strides=1, activation="relu6", name):
    """Depthwise convolution, batch normalisation and activation.

    Layers: `{name}`, `{name}_bn`, and `{name}_act` unless `activation` is None.
    `(n, h, w, c)` to `(n, ceil(h / strides), ceil(w / strides), c)`.
    """
    x = layers.DepthwiseConv2D(
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=name,
    )(x)
    x = batch_norm(x, f"{name}_bn")
    return x if activation is None else layers.Activation(activation, name=f"{name}_act")(x)


def squeeze_excitation(x, squeezed, *, name):
    """Scales every channel of `x` by a gate that two 1 x 1 convolutions draw from all means.

    Hu et al., "Squeeze-and-Excitation Networks", 2018, section 3, https://arxiv.org/abs/1709.01507;
    the gate is MobileNetV3's hard sigmoid, `relu6(x + 3) / 6`. Layers: `{name}_pool`,
    `{name}_reduce`, `{name}_expand` and `{name}_scale`. The shape stays.

    Args:
        x: `(n, h, w, c)`.
        squeezed: Channels of the first convolution.
        name: Prefix of the layers' names.
    """
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)  # (n, 1, 1, c)
    gate = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}_reduce")(gate)
    gate = layers.Conv2D(x.shape[-1], 1, activation="hard_sigmoid", name=f"{name}_expand")(gate)
    return layers.Multiply(name=f"{name}_scale")([x, gate])
