"""SqueezeNet, AlexNet's accuracy with 50 times fewer parameters.

Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
2016, https://arxiv.org/abs/1602.07360; version 1.1 is the authors' own, published with their code.
"""

import typing

import keras
from keras import layers

from zoo import arguments
from zoo.layers.width import scaled_width
from zoo.registry import architecture


class _Plan(typing.NamedTuple):
    stem_filters: int
    stem_kernel: int
    fires: tuple  # channels of each squeeze layer, fire2 to fire9
    pooled_before: tuple  # the fire modules behind a max pooling


PLANS = {
    "1.0": _Plan(96, 7, (16, 16, 32, 32, 48, 48, 64, 64), (2, 5, 9)),
    "1.1": _Plan(64, 3, (16, 16, 32, 32, 48, 48, 64, 64), (2, 4, 6)),
}
BYPASSED = (3, 5, 7, 9)


@architecture(smallest={"input_shape": (32, 32, 3), "classes": 10, "width": 0.25, "dropout": 0.0})
def squeezenet(
    input_shape=(224, 224, 3),
    classes=1000,
    version="1.1",
    bypass=False,
    width=1.0,
    stem_strides=2,
    dropout=0.5,
):
    """Fire modules: a 1 x 1 convolution squeezes, then 1 x 1 and 3 x 3 convolutions expand.

    There is no normalisation; the last convolution gives one map a class, and their means are the
    logits. Every window is padded as `same`, so that images of any size do.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        version: "1.0" as in the paper's table 1, or "1.1", which pools earlier and so needs 2.4
            times fewer multiplications for the same accuracy.
        bypass: Adds the input of fire modules 3, 5, 7 and 9 to their output (section 6, simple bypass).
        width: Multiplies the channels of every layer; rounded to multiples of 8.
        stem_strides: 1 keeps small images, such as 32 x 32, large enough.
        dropout: Fraction of the last fire module's outputs to drop in training.

    1,235,496 parameters at the defaults; 1,248,424 as version 1.0.
    """
    plan = PLANS[arguments.choice(version, "version", tuple(PLANS))]
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    width = arguments.multiplier(width, "width")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    stem = scaled_width(plan.stem_filters, width)
    x = _conv(image, stem, plan.stem_kernel, strides=stem_strides, name="stem")
    for i, squeezed in enumerate(plan.fires, start=2):
        if i in plan.pooled_before:
            x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool{i - 1}")(x)
        added = x if bypass and i in BYPASSED else None
        x = fire_module(x, scaled_width(squeezed, width), scaled_width(4 * squeezed, width), name=f"fire{i}")
        if added is not None:
            x = layers.Add(name=f"fire{i}_bypass")([x, added])
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(classes, 1, kernel_initializer="he_normal", name="class_maps")(x)
    return keras.Model(image, layers.GlobalAveragePooling2D(name="logits")(x), name="squeezenet")


def fire_module(x, squeezed, expanded, *, name):
    """`(n, h, w, c)` to `(n, h, w, 2 * expanded)` by way of `squeezed` channels (section 3.2)."""
    x = _conv(x, squeezed, 1, name=f"{name}_squeeze")
    expansions = [
        _conv(x, expanded, 1, name=f"{name}_expand1x1"),
        _conv(x, expanded, 3, name=f"{name}_expand3x3"),
    ]
    return layers.Concatenate(name=f"{name}_concat")(expansions)


def _conv(x, filters, kernel_size, *, strides=1, name):
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)
