"""GoogLeNet, from "Going Deeper with Convolutions".

Szegedy et al., 2014, https://arxiv.org/abs/1409.4842
"""

import typing

import keras
from keras import layers

from zoo import arguments
from zoo.classifiers.auxiliary import WithAuxiliaryHeads
from zoo.layers.dense import pooled_logits
from zoo.layers.plain_convolution import NORMALIZATIONS, conv_relu, local_norm
from zoo.layers.width import scaled_width
from zoo.registry import architecture


class _Inception(typing.NamedTuple):
    """Channels of one module, a row of table 1."""

    name: str
    one: int
    three_reduced: int
    three: int
    five_reduced: int
    five: int
    pooled: int


# None halves the map.
MODULES = (
    _Inception("inception3a", 64, 96, 128, 16, 32, 32),
    _Inception("inception3b", 128, 128, 192, 32, 96, 64),
    None,
    _Inception("inception4a", 192, 96, 208, 16, 48, 64),
    _Inception("inception4b", 160, 112, 224, 24, 64, 64),
    _Inception("inception4c", 128, 128, 256, 24, 64, 64),
    _Inception("inception4d", 112, 144, 288, 32, 64, 64),
    _Inception("inception4e", 256, 160, 320, 32, 128, 128),
    None,
    _Inception("inception5a", 256, 160, 320, 32, 128, 128),
    _Inception("inception5b", 384, 192, 384, 48, 128, 128),
)
HEADS = {"auxiliary1": "inception4a", "auxiliary2": "inception4d"}
HEAD_POOLING, HEAD_FILTERS, HEAD_UNITS, HEAD_DROPOUT = 5, 128, 1024, 0.7


@architecture(smallest={"input_shape": (32, 32, 3), "classes": 10, "width": 0.125, "dropout": 0.0})
def googlenet(
    input_shape=(224, 224, 3),
    classes=1000,
    width=1.0,
    normalization="local",
    auxiliary=False,
    dropout=0.4,
):
    """Nine inception modules: 1 x 1, 3 x 3 and 5 x 5 convolutions and a pooling side by side.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        width: Multiplies the channels of every layer; rounded to multiples of 8.
        normalization: "local" in the stem as published, "batch" behind every convolution, or "none".
        auxiliary: With two further heads in training, as published; for images of 65 x 65 or more.
            The model is then a `WithAuxiliaryHeads`: the same at inference and in exported files.
        dropout: Fraction of the pooled features to drop in training.

    6,998,552 parameters at the defaults; 13,378,280 in training with the auxiliary heads.
    """
    width, dropout = arguments.multiplier(width, "width"), arguments.rate(dropout, "dropout")
    classes = arguments.positive(classes, "classes")
    batch_norm = arguments.choice(normalization, "normalization", NORMALIZATIONS) == "batch"
    shape = arguments.image_shape(input_shape)
    if auxiliary:
        _check_size(shape)
    image = keras.Input(shape, name="image")
    x = _stem(image, width, normalization)  # (n, h/8, w/8, 192)
    for i, module in enumerate(MODULES):
        x = _inception(x, module, width, batch_norm) if module else _halved(x, f"pool{i}")
    x = pooled_logits(x, classes, dropout)  # pooled from (n, h/32, w/32, 1024)
    if not auxiliary:
        return keras.Model(image, x, name="googlenet")
    model = keras.Model(image, x)
    heads = {
        f"{module}_concat": _head(model.get_layer(f"{module}_concat").output.shape, classes, width, name)
        for name, module in HEADS.items()
    }
    return WithAuxiliaryHeads(image, x, heads=heads, name="googlenet")


def _stem(x, width, normalization):
    batch_norm = normalization == "batch"
    x = conv_relu(x, scaled_width(64, width), 7, strides=2, batch_norm=batch_norm, name="stem1")
    x = local_norm(_halved(x, "stem_pool1"), normalization, name="stem_norm1")
    x = conv_relu(x, scaled_width(64, width), 1, batch_norm=batch_norm, name="stem2_reduce")
    x = conv_relu(x, scaled_width(192, width), 3, batch_norm=batch_norm, name="stem2")
    return _halved(local_norm(x, normalization, name="stem_norm2"), "stem_pool2")


def _inception(x, module, width, batch_norm):
    """Figure 2b: `(n, h, w, c)` to `(n, h, w, one + three + five + pooled)`."""

    def conv(x, filters, kernel_size, part):
        name = f"{module.name}_{part}"
        return conv_relu(x, scaled_width(filters, width), kernel_size, batch_norm=batch_norm, name=name)

    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{module.name}_pool")(x)
    branches = [
        conv(x, module.one, 1, "1x1"),
        conv(conv(x, module.three_reduced, 1, "3x3_reduce"), module.three, 3, "3x3"),
        conv(conv(x, module.five_reduced, 1, "5x5_reduce"), module.five, 5, "5x5"),
        conv(pooled, module.pooled, 1, "pool_projection"),
    ]
    return layers.Concatenate(name=f"{module.name}_concat")(branches)


def _halved(x, name):
    return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)


def _head(shape, classes, width, name):
    """A classifier on the maps of an inception module (section 5)."""
    maps = keras.Input(shape[1:], name="maps")
    x = layers.AveragePooling2D(HEAD_POOLING, strides=3, name="pool")(maps)
    x = conv_relu(x, scaled_width(HEAD_FILTERS, width), 1, name="reduce")
    x = layers.Flatten(name="flatten")(x)
    units = scaled_width(HEAD_UNITS, width)
    x = layers.Dense(units, activation="relu", kernel_initializer="he_normal", name="hidden")(x)
    x = layers.Dropout(HEAD_DROPOUT, name="dropout")(x)
    return keras.Model(maps, layers.Dense(classes, name="logits")(x), name=name)


def _check_size(shape):
    if min(shape[:2]) <= 16 * (HEAD_POOLING - 1):
        raise ValueError(
            f"input_shape={shape!r} is too small for auxiliary=True: the heads pool {HEAD_POOLING} x "
            f"{HEAD_POOLING} windows of maps 16 times smaller than the image. Pass at least "
            f"{16 * (HEAD_POOLING - 1) + 1} pixels along each axis, or auxiliary=False."
        )
