"""MobileNetV3, found by a search and finished by hand.

Howard et al., "Searching for MobileNetV3", 2019, tables 1 and 2, https://arxiv.org/abs/1905.02244
"""

import typing

import keras
from keras import layers

from zoo import arguments
from zoo.layers.inverted_residual import conv_bn_act, inverted_residual
from zoo.layers.width import scaled_width
from zoo.registry import architecture


class _Block(typing.NamedTuple):
    kernel_size: int
    expanded: int
    filters: int
    squeeze: bool
    hard: bool  # hard-swish in the place of ReLU
    strides: int


STEM = 16
BLOCKS = {
    "large": (
        _Block(3, 16, 16, False, False, 1),
        _Block(3, 64, 24, False, False, 2),
        _Block(3, 72, 24, False, False, 1),
        _Block(5, 72, 40, True, False, 2),
        _Block(5, 120, 40, True, False, 1),
        _Block(5, 120, 40, True, False, 1),
        _Block(3, 240, 80, False, True, 2),
        _Block(3, 200, 80, False, True, 1),
        _Block(3, 184, 80, False, True, 1),
        _Block(3, 184, 80, False, True, 1),
        _Block(3, 480, 112, True, True, 1),
        _Block(3, 672, 112, True, True, 1),
        _Block(5, 672, 160, True, True, 2),
        _Block(5, 960, 160, True, True, 1),
        _Block(5, 960, 160, True, True, 1),
    ),
    "small": (
        _Block(3, 16, 16, True, False, 2),
        _Block(3, 72, 24, False, False, 2),
        _Block(3, 88, 24, False, False, 1),
        _Block(5, 96, 40, True, True, 2),
        _Block(5, 240, 40, True, True, 1),
        _Block(5, 240, 40, True, True, 1),
        _Block(5, 120, 48, True, True, 1),
        _Block(5, 144, 48, True, True, 1),
        _Block(5, 288, 96, True, True, 2),
        _Block(5, 576, 96, True, True, 1),
        _Block(5, 576, 96, True, True, 1),
    ),
}
UNITS = {"large": 1280, "small": 1024}
ACTIVATIONS = ("hard_swish", "relu")


@architecture(smallest={"input_shape": (32, 32, 3), "classes": 4, "width": 0.125, "head": 32})
def mobilenet_v3(
    input_shape=(224, 224, 3),
    classes=1000,
    size="small",
    width=1.0,
    head=None,
    activation="hard_swish",
    minimalistic=False,
    stem_strides=2,
    dropout=0.2,
):
    """Inverted residual blocks with squeeze-excitation and hard-swish.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        size: "small" or "large".
        width: Multiplies the channels, rounded to multiples of 8.
        head: Units of the dense layer before the output, which only widths above 1 multiply; 1,024
            (small) or 1,280 (large) if None.
        activation: "hard_swish" as published, or "relu" throughout: few accelerators have an 8-bit
            hard-swish, and the rest of the graph is cut at each of them.
        minimalistic: Neither squeeze-excitation nor 5 x 5 convolutions nor hard-swish, as in the
            version that the authors published for hardware that lacks them.
        stem_strides: 1 keeps small images, such as 32 x 32, large enough.
        dropout: Fraction of the head's units to drop in training.

    2,554,968 parameters at the defaults, batch-norm statistics included.
    """
    blocks = BLOCKS[arguments.choice(size, "size", tuple(BLOCKS))]
    width = arguments.multiplier(width, "width")
    hard = "relu" if minimalistic else arguments.choice(activation, "activation", ACTIVATIONS)
    units = UNITS[size] if head is None else arguments.positive(head, "head")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_act(image, scaled_width(STEM, width), 3, strides=stem_strides, activation=hard, name="stem")
    before = (STEM, *(block.filters for block in blocks))
    for i, block in enumerate(blocks, start=1):
        expanded = scaled_width(x.shape[-1], block.expanded / before[i - 1])
        x = _inverted_residual(x, block, expanded, width, hard, minimalistic, f"block{i}")
    x = conv_bn_act(x, scaled_width(x.shape[-1], 6), 1, activation=hard, name="features")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(scaled_width(units, max(1.0, width)), kernel_initializer="he_normal", name="head_dense")(
        x
    )
    x = layers.Activation(hard, name="head_act")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, x, name="mobilenet_v3")


def _inverted_residual(x, block, expanded, width, hard, minimalistic, name):
    return inverted_residual(
        x,
        scaled_width(block.filters, width),
        expansion=expanded / x.shape[-1],
        kernel_size=3 if minimalistic else block.kernel_size,
        strides=block.strides,
        activation=hard if block.hard else "relu",
        squeeze=0.25 if block.squeeze and not minimalistic else 0.0,
        name=name,
    )
