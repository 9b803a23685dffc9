"""DRN: residual networks that dilate where others stride, and keep a map 8 times finer than a point.

Yu, Koltun & Funkhouser, "Dilated Residual Networks", 2017, sections 2 and 4,
https://arxiv.org/abs/1705.09914
"""

import typing

import keras
from keras import layers

from zoo import arguments
from zoo.layers.borders import cropped_to, padded_to_multiple
from zoo.layers.convolution import conv_bn, conv_bn_relu
from zoo.layers.dense import pooled_logits
from zoo.registry import architecture

STRIDE = 8


class Group(typing.NamedTuple):
    """Blocks of one resolution: filters in quarters of the net's width, stride of the first."""

    quarters: int
    strides: int = 1
    dilation: int = 1
    residual: bool = True


GROUPS_A = (Group(4), Group(8, 2), Group(16, dilation=2), Group(32, dilation=4))
GROUPS_C = (
    Group(1),
    Group(2, 2),
    Group(4, 2),
    Group(8, 2),
    Group(16, dilation=2),
    Group(32, dilation=4),
    Group(32, dilation=2, residual=False),
    Group(32, residual=False),
)
DEPTHS = {  # groups, blocks of each, and which of them have bottlenecks
    18: (GROUPS_A, (2, 2, 2, 2), ()),
    34: (GROUPS_A, (3, 4, 6, 3), ()),
    50: (GROUPS_A, (3, 4, 6, 3), (1, 2, 3, 4)),
    26: (GROUPS_C, (1, 1, 2, 2, 2, 2, 1, 1), ()),
    42: (GROUPS_C, (1, 1, 3, 4, 6, 3, 1, 1), ()),
    58: (GROUPS_C, (1, 1, 3, 4, 6, 3, 1, 1), (3, 4, 5, 6)),
}


@architecture(smallest={"input_shape": (16, 16, 1), "depth": 18, "width": 4})
def dilated_resnet(input_shape=(64, 64, 3), classes=10, depth=26, width=16, pixels=False, dropout=0.0):
    """ResNet whose last two strides are dilations, at 1/8 of the image's resolution.

    Depths 18, 34 and 50 are DRN-A: ResNet with those strides replaced. Depths 26, 42 and 58 are
    DRN-C: residual blocks in the place of max pooling, and two groups of falling dilation and
    without shortcuts at the end, which remove the grid that dilation leaves in the map.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        depth: 18, 26, 34, 42, 50 or 58 layers with weights.
        width: Channels of the first group of a ResNet; 64 in the paper, a multiple of 4.
        pixels: Gives logits of every pixel `(n, height, width, classes)` instead: the scores of the
            last map (section 5), enlarged bilinearly.
        dropout: Fraction of the pooled features to drop in training; none of it with `pixels`.

    1,296,198 parameters at the defaults, batch-norm statistics included.
    """
    height, breadth, channels = arguments.image_shape(input_shape)
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    groups, blocks, bottlenecks = DEPTHS[arguments.choice(depth, "depth", tuple(sorted(DEPTHS)))]
    image = keras.Input((height, breadth, channels), name="image")
    x = padded_to_multiple(image, STRIDE) if pixels else image
    x = _stem(x, groups, _quarters(width))
    for i, (group, count) in enumerate(zip(groups, blocks, strict=True), start=1):
        x = _group(x, group, count, group.quarters * _quarters(width), i in bottlenecks, f"group{i}")
    if not pixels:
        return keras.Model(image, pooled_logits(x, classes, dropout), name="dilated_resnet")
    x = layers.Conv2D(classes, 1, name="scores")(x)
    x = layers.UpSampling2D(STRIDE, interpolation="bilinear", name="logits")(x)
    return keras.Model(image, cropped_to(x, (height, breadth)), name="dilated_resnet")


def _quarters(width):
    if arguments.positive(width, "width") % 4:
        raise ValueError(
            f"width={width}: expected a multiple of 4, since the first group of a DRN-C has a quarter "
            f"of it. Pass width={4 * -(-width // 4)}."
        )
    return width // 4


def _stem(x, groups, quarter):
    """DRN-A's strided convolution and max pooling, or DRN-C's convolution of stride 1."""
    if groups is GROUPS_C:
        return conv_bn_relu(x, quarter, 7, name="stem")
    x = conv_bn_relu(x, 4 * quarter, 7, strides=2, name="stem")
    return layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)


def _group(x, group, blocks, filters, bottleneck, name):
    """`(n, h, w, c)` to `(n, h/s, w/s, filters)`, or four times the filters with bottlenecks."""
    for i in range(1, blocks + 1):
        strides = group.strides if i == 1 else 1
        shortcut, place = x, f"{name}_block{i}"
        body = _bottleneck if bottleneck else _basic
        x = body(x, filters, strides, group.dilation, place)
        if group.residual:
            if strides > 1 or shortcut.shape[-1] != x.shape[-1]:
                shortcut = conv_bn(shortcut, x.shape[-1], 1, strides=strides, name=f"{place}_shortcut")
            x = layers.Add(name=f"{place}_add")([x, shortcut])
        x = layers.ReLU(name=f"{place}_relu")(x)
    return x


def _basic(x, filters, strides, dilation, name):
    x = _spatial(x, filters, strides, dilation, name=f"{name}_first")
    return conv_bn(x, filters, 3, dilation_rate=dilation, name=f"{name}_second")


def _bottleneck(x, filters, strides, dilation, name):
    x = conv_bn_relu(x, filters, 1, name=f"{name}_first")
    x = _spatial(x, filters, strides, dilation, name=f"{name}_second")
    return conv_bn(x, 4 * filters, 1, name=f"{name}_third")


def _spatial(x, filters, strides, dilation, name):
    return conv_bn_relu(x, filters, 3, strides=strides, dilation_rate=dilation, name=name)
