"""MobileNetV2, built of inverted residual blocks.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, table 2,
https://arxiv.org/abs/1801.04381
"""

import keras

from zoo import arguments
from zoo.layers.dense import pooled_logits
from zoo.layers.inverted_residual import conv_bn_act, inverted_residual
from zoo.layers.width import scaled_width
from zoo.registry import architecture

STEM, HEAD = 32, 1280
# Expansion, channels, blocks and stride of each stage.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@architecture(smallest={"input_shape": (32, 32, 3), "classes": 4, "width": 0.0625, "head": 32})
def mobilenet_v2(
    input_shape=(224, 224, 3),
    classes=1000,
    width=1.0,
    head=HEAD,
    stem_strides=2,
    blur=False,
    dropout=0.2,
):
    """A 3 x 3 stem, seven stages of inverted residual blocks and a 1 x 1 convolution.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        width: The paper's width multiplier: multiplies the channels, rounded to multiples of 8.
        head: Channels of the last convolution, which only widths above 1 multiply (section 5).
        stem_strides: 1 keeps small images, such as 32 x 32, large enough.
        blur: Whether a low-pass filter goes before each subsampling but the stem's (Zhang, 2019,
            section 3.2, https://arxiv.org/abs/1904.11486).
        dropout: Fraction of the pooled features to drop in training.

    3,538,984 parameters at the defaults, batch-norm statistics included.
    """
    width = arguments.multiplier(width, "width")
    head = scaled_width(arguments.positive(head, "head"), max(1.0, width))
    stem = scaled_width(STEM, width)
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_act(image, stem, 3, strides=stem_strides, activation="relu6", name="stem")
    for i, (expansion, filters, blocks, strides) in enumerate(STAGES, start=1):
        for j in range(blocks):
            x = inverted_residual(
                x,
                scaled_width(filters, width),
                expansion=expansion,
                strides=strides if j == 0 else 1,
                blur=bool(blur),
                name=f"stage{i}_block{j + 1}",
            )
    x = conv_bn_act(x, head, 1, activation="relu6", name="head")  # (n, h/32, w/32, head)
    return keras.Model(image, pooled_logits(x, classes, dropout), name="mobilenet_v2")
