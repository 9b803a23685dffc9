"""MobileNet, the first version.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", 2017, table 1, https://arxiv.org/abs/1704.04861
"""

import keras

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu, separable_block
from zoo.layers.dense import pooled_logits
from zoo.layers.width import scaled_width
from zoo.registry import architecture

STEM = 32
# Channels and stride of each block.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)


@architecture(smallest={"input_shape": (32, 32, 3), "classes": 4, "width": 0.0625})
def mobilenet_v1(
    input_shape=(224, 224, 3), classes=1000, width=1.0, stem_strides=2, blur=False, dropout=0.001
):
    """A 3 x 3 stem and thirteen depthwise-separable blocks, four of which halve the resolution.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        width: The paper's width multiplier: multiplies the channels, rounded to multiples of 8.
        stem_strides: 1 keeps small images, such as 32 x 32, large enough.
        blur: Whether a low-pass filter goes before each subsampling but the stem's (Zhang, 2019,
            section 3.2, https://arxiv.org/abs/1904.11486).
        dropout: Fraction of the pooled features to drop in training.

    4,253,864 parameters at the defaults, batch-norm statistics included.
    """
    width = arguments.multiplier(width, "width")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, scaled_width(STEM, width), 3, strides=stem_strides, name="stem")
    for i, (filters, strides) in enumerate(BLOCKS, start=1):
        filters = scaled_width(filters, width)
        x = separable_block(x, filters, strides=strides, blur=bool(blur), name=f"block{i}")
    return keras.Model(image, pooled_logits(x, classes, dropout), name="mobilenet_v1")
