"""EfficientNet-Lite, the EfficientNets without what integer hardware does badly.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, table 1,
https://arxiv.org/abs/1905.11946; the lite versions are published with the authors' code,
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import math
import typing

import keras

from zoo import arguments
from zoo.layers.dense import pooled_logits
from zoo.layers.inverted_residual import conv_bn_act, inverted_residual
from zoo.layers.width import scaled_width
from zoo.registry import architecture


class _Stage(typing.NamedTuple):
    filters: int
    blocks: int
    kernel_size: int
    strides: int
    expansion: int


STAGES = (
    _Stage(16, 1, 3, 1, 1),
    _Stage(24, 2, 3, 2, 6),
    _Stage(40, 2, 5, 2, 6),
    _Stage(80, 3, 3, 2, 6),
    _Stage(112, 3, 5, 1, 6),
    _Stage(192, 4, 5, 2, 6),
    _Stage(320, 1, 3, 1, 6),
)
# Multipliers of width and depth; published for images of 224, 240, 260, 280 and 300 pixels.
SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))
STEM, HEAD = 32, 1280


@architecture(
    smallest={"input_shape": (32, 32, 3), "classes": 10, "width": 0.1, "depth": 0.2, "dropout": 0.0}
)
def efficientnet_lite(
    input_shape=(224, 224, 3), classes=1000, size=0, width=1.0, depth=1.0, stem_strides=2, dropout=0.2
):
    """Inverted residual blocks with ReLU6 and no squeeze-excitation, scaled in width and depth.

    At every published size the stem, the head and the repeats of the first and the last stage are
    those of size 0.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis. Published are 224, 240,
            260, 280 and 300 pixels for sizes 0 to 4.
        classes: Width of the output; the model returns logits `(n, classes)`.
        size: 0 to 4.
        width: Multiplies the channels of every layer, stem and head included; rounded to multiples
            of 8. Below 1 for devices that size 0 is too large for.
        depth: Multiplies the blocks of the inner stages on top of the size's own multiplier.
        stem_strides: 1 keeps small images, such as 32 x 32, large enough.
        dropout: Fraction of the pooled features to drop in training; published is 0.3 for sizes 2
            to 4.

    4,694,024 parameters at the defaults, batch-norm statistics included: 4,652,008 without them.
    """
    arguments.choice(size, "size", tuple(range(len(SCALES))))
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    width, depth = arguments.multiplier(width, "width"), arguments.multiplier(depth, "depth")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_act(
        image, scaled_width(STEM, width), 3, strides=stem_strides, activation="relu6", name="stem"
    )
    for i, stage in enumerate(STAGES, start=1):
        inner = 1 < i < len(STAGES)
        blocks = math.ceil(stage.blocks * SCALES[size][1] * depth) if inner else stage.blocks
        x = _stage(x, stage, scaled_width(stage.filters * width, SCALES[size][0]), blocks, f"stage{i}")
    x = conv_bn_act(x, scaled_width(HEAD, width), 1, activation="relu6", name="head")
    return keras.Model(image, pooled_logits(x, classes, dropout), name="efficientnet_lite")


def _stage(x, stage, filters, blocks, name):
    for i in range(1, blocks + 1):
        x = inverted_residual(
            x,
            filters,
            expansion=stage.expansion,
            kernel_size=stage.kernel_size,
            strides=stage.strides if i == 1 else 1,
            name=f"{name}_block{i}",
        )
    return x
