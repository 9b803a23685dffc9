"""MCUNets, searched for microcontrollers.

Lin et al., "MCUNet: Tiny Deep Learning on IoT Devices", 2020, https://arxiv.org/abs/2007.10319. Kernel
sizes and expansions of every block are those of the networks that the authors published
(https://github.com/mit-han-lab/mcunet); the search that found them is not repeated here.
"""

import typing

import keras

from zoo import arguments
from zoo.layers.dense import pooled_logits
from zoo.layers.inverted_residual import conv_bn_act, inverted_residual
from zoo.layers.width import scaled_width
from zoo.registry import architecture


class _Stage(typing.NamedTuple):
    filters: int
    strides: int
    blocks: tuple  # (expansion, kernel size) of each


class _Plan(typing.NamedTuple):
    stem: int
    stages: tuple


PLANS = {
    "10fps": _Plan(
        24,
        (
            _Stage(16, 1, ((1, 3),)),
            _Stage(16, 2, ((4, 5), (3, 3), (4, 3))),
            _Stage(24, 2, ((5, 7), (4, 5), (5, 5))),
            _Stage(48, 2, ((5, 7), (4, 5))),
            _Stage(56, 1, ((5, 3), (4, 5), (5, 3))),
            _Stage(112, 2, ((6, 3), (4, 5))),
            _Stage(192, 1, ((6, 3),)),
        ),
    ),
    "5fps": _Plan(
        16,
        (
            _Stage(8, 1, ((1, 3),)),
            _Stage(16, 2, ((4, 3), (3, 3))),
            _Stage(24, 2, ((3, 7), (5, 3))),
            _Stage(40, 2, ((5, 3), (4, 7))),
            _Stage(48, 1, ((4, 5), (3, 3), (4, 3))),
            _Stage(96, 2, ((5, 7), (4, 5), (4, 5))),
            _Stage(160, 1, ((6, 3),)),
        ),
    ),
    "256kB": _Plan(
        16,
        (
            _Stage(8, 1, ((1, 3),)),
            _Stage(16, 2, ((3, 5), (6, 7), (5, 3), (5, 5))),
            _Stage(24, 2, ((5, 3), (6, 7), (6, 5))),
            _Stage(40, 2, ((4, 7), (5, 5))),
            _Stage(48, 1, ((5, 3), (5, 5), (4, 3))),
            _Stage(96, 2, ((6, 5), (4, 5), (3, 5), (4, 3))),
            _Stage(160, 1, ((5, 5),)),
        ),
    ),
    "320kB": _Plan(
        16,
        (
            _Stage(8, 1, ((1, 3),)),
            _Stage(16, 2, ((3, 7), (5, 3), (5, 7), (4, 5))),
            _Stage(24, 2, ((5, 5), (5, 5), (5, 5))),
            _Stage(40, 2, ((5, 3), (6, 7), (4, 5))),
            _Stage(48, 1, ((5, 5), (5, 7), (5, 3))),
            _Stage(96, 2, ((6, 3), (5, 7), (4, 3))),
            _Stage(160, 1, ((5, 7),)),
        ),
    ),
    "512kB": _Plan(
        32,
        (
            _Stage(16, 1, ((1, 3),)),
            _Stage(24, 2, ((3, 7), (5, 3), (4, 5))),
            _Stage(40, 2, ((5, 7), (4, 3), (4, 7))),
            _Stage(80, 2, ((3, 7), (3, 3), (3, 7))),
            _Stage(96, 1, ((4, 3), (3, 5), (3, 5))),
            _Stage(192, 2, ((4, 7), (3, 7), (3, 5))),
            _Stage(320, 1, ((4, 5),)),
        ),
    ),
}


@architecture(
    smallest={
        "input_shape": (32, 32, 3),
        "classes": 10,
        "size": "5fps",
        "width": 0.3,
        "blocks": 1,
        "stem_strides": 1,
    }
)
def mcunet(
    input_shape=(128, 128, 3),
    classes=1000,
    size="320kB",
    width=1.0,
    blocks=None,
    stem_strides=2,
    dropout=0.0,
):
    """Inverted residual blocks whose kernel sizes and expansions a search chose one by one.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis. Published are 48 pixels for
            "10fps", 96 for "5fps", 160 for "256kB" and "512kB", 176 for "320kB".
        classes: Width of the output; the model returns logits `(n, classes)`.
        size: "10fps" or "5fps" (the speed on an STM32F746), "256kB", "320kB" or "512kB" (its SRAM).
        width: Multiplies the channels of every layer; rounded to multiples of 8.
        blocks: At most this many of each stage's blocks, the first ones; all where left out.
        stem_strides: 1 keeps small images, such as 32 x 32, large enough.
        dropout: Fraction of the pooled features to drop in training.

    "320kB" is meant for 176 pixels on the authors' own runtime, which computes a depthwise
    convolution in place. A runtime that keeps its output beside its input, such as TensorFlow Lite
    Micro, needs 281,600 bytes for the int8 tensors of 160 pixels and 180,224 for those of the
    default, which leaves it room for itself in 320 kB. The int8 file is smaller than 1 MB.

    752,784 parameters at the defaults, batch-norm statistics included.
    """
    plan = PLANS[arguments.choice(size, "size", tuple(PLANS))]
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    width = arguments.multiplier(width, "width")
    blocks = None if blocks is None else arguments.positive(blocks, "blocks")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_act(
        image, scaled_width(plan.stem, width), 3, strides=stem_strides, activation="relu6", name="stem"
    )
    for i, stage in enumerate(plan.stages, start=1):
        x = _stage(x, stage, scaled_width(stage.filters, width), blocks, f"stage{i}")
    return keras.Model(image, pooled_logits(x, classes, dropout), name="mcunet")


def _stage(x, stage, filters, blocks, name):
    for i, (expansion, kernel_size) in enumerate(stage.blocks[:blocks], start=1):
        x = inverted_residual(
            x,
            filters,
            expansion=expansion,
            kernel_size=kernel_size,
            strides=stage.strides if i == 1 else 1,
            name=f"{name}_block{i}",
        )
    return x
