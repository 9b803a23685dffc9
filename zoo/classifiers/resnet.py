"""Residual networks, for small images and for large ones.

He et al., "Deep Residual Learning for Image Recognition", 2015, https://arxiv.org/abs/1512.03385,
and "Identity Mappings in Deep Residual Networks", 2016, https://arxiv.org/abs/1603.05027; the sizes
of `resnet8` are those of MLPerf Tiny (Banbury et al., 2021), https://arxiv.org/abs/2106.07597
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.blur import MaxBlurPool2D
from zoo.layers.convolution import conv_bn, conv_bn_relu
from zoo.layers.dense import pooled_logits
from zoo.layers.residual import Residual, bn_relu, residual_stage
from zoo.layers.width import scaled_width
from zoo.registry import architecture

SMALL_DEPTHS = (8, 20, 32, 44, 56, 110)
# Table 1: blocks a stage; from 50 layers on each block is a bottleneck.
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


@architecture
def resnet8(input_shape=(32, 32, 3), classes=10, filters=(16, 32, 64), dropout=0.0):
    """Residual network: a stem and one block of two 3 x 3 convolutions a width.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Channels of the stem and the first block, then of each further block, which halves
            the resolution.
        dropout: Fraction of the pooled features to drop in training.

    78,666 parameters at the defaults, batch-norm statistics included.
    """
    widths = arguments.positives(filters, "filters")
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, widths[0], 3, bias=True, name="stem")
    for i, width in enumerate(widths):
        x = residual_block(x, width, strides=1 if i == 0 else 2, name=f"block{i + 1}")
    return keras.Model(image, pooled_logits(x, classes, dropout), name="resnet8")


def residual_block(x, filters, *, strides, name):
    """Two 3 x 3 convolutions plus a shortcut: `(n, h, w, c)` to `(n, h/s, w/s, filters)`.

    The shortcut is a strided 1 x 1 convolution without normalisation, or nothing at stride 1.
    """
    shortcut = x
    x = conv_bn_relu(x, filters, 3, strides=strides, bias=True, name=f"{name}_first")
    x = conv_bn(x, filters, 3, bias=True, name=f"{name}_second")
    if strides != 1:
        shortcut = layers.Conv2D(
            filters, 1, strides=strides, kernel_initializer="he_normal", name=f"{name}_shortcut"
        )(shortcut)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


@architecture(smallest={"input_shape": (16, 16, 3), "classes": 4, "depth": 8, "width": 0.5})
def resnet_small(
    input_shape=(32, 32, 3),
    classes=10,
    depth=20,
    variant="original",
    width=1.0,
    blur=False,
    dropout=0.0,
):
    """ResNet for small images: three stages of 16, 32 and 64 channels.

    He et al., 2015, section 4.2: `depth` is 6 k + 2 for k blocks a stage, and shortcuts have no
    weights.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        depth: Layers with weights: 8, 20, 32, 44, 56 or 110.
        variant: "original", "preactivation" (He et al., 2016), or "plain", without shortcuts.
        width: Multiplies the channels, rounded to multiples of 8.
        blur: Whether a low-pass filter goes before each subsampling (Zhang, 2019, section 3.2).
        dropout: Fraction of the pooled features to drop in training.

    271,098 parameters at the defaults, batch-norm statistics included.
    """
    arguments.choice(depth, "depth", SMALL_DEPTHS)
    width = arguments.multiplier(width, "width")
    kind = Residual(variant, projection=False, blur=bool(blur))
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, scaled_width(16, width), 3, name="stem")  # (n, h, w, 16)
    x = _stages(x, 16, ((int(depth) - 2) // 6,) * 3, (1, 2, 2), width, kind)
    return keras.Model(image, pooled_logits(x, classes, dropout), name="resnet_small")


@architecture(smallest={"input_shape": (32, 32, 3), "classes": 4, "depth": 18, "width": 0.125})
def resnet(
    input_shape=(224, 224, 3),
    classes=1000,
    depth=50,
    variant="original",
    width=1.0,
    stem_strides=2,
    stem_pool=True,
    blur=False,
    dropout=0.0,
):
    """ResNet for large images: a 7 x 7 stem, max pooling and four stages.

    He et al., 2015, table 1. A bottleneck's stride is that of its 3 x 3 convolution, where the
    paper has it in the 1 x 1 before it; the numbers of weights are the same.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        depth: Layers with weights: 18, 34, 50, 101 or 152.
        variant: "original", "preactivation" (He et al., 2016), or "plain", without shortcuts.
        width: Multiplies the channels, rounded to multiples of 8.
        stem_strides: Of the 7 x 7 convolution; 1 keeps small images, such as 32 x 32, large enough.
        stem_pool: Whether max pooling of stride 2 follows; better without for small images.
        blur: Whether a low-pass filter goes before each subsampling but the stem's, whose
            convolution would cost four times as much (Zhang, 2019, section 3.2).
        dropout: Fraction of the pooled features to drop in training.

    25,610,152 parameters at the defaults, batch-norm statistics included.
    """
    arguments.choice(depth, "depth", tuple(BLOCKS))
    width = arguments.multiplier(width, "width")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    kind = Residual(variant, bottleneck=depth >= 50, blur=bool(blur))
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, scaled_width(64, width), 7, strides=stem_strides, name="stem")
    if stem_pool:
        pooling = MaxBlurPool2D if blur else layers.MaxPooling2D
        x = pooling(3, 2, padding="same", name="stem_pool")(x)  # (n, h/4, w/4, 64)
    x = _stages(x, 64, BLOCKS[depth], (1, 2, 2, 2), width, kind)
    return keras.Model(image, pooled_logits(x, classes, dropout), name="resnet")


def _stages(x, filters, blocks, strides, width, kind):
    """One stage a number of blocks, each twice as wide as the one before."""
    for i, count in enumerate(blocks):
        x = residual_stage(
            x,
            scaled_width(filters * 2**i, width),
            count,
            strides=strides[i],
            kind=kind,
            name=f"stage{i + 1}",
            activated=i == 0,
        )
    return bn_relu(x, name="last") if kind.variant == "preactivation" else x
