"""A small MobileNet for small images.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", 2017, https://arxiv.org/abs/1704.04861
"""

import keras

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu, separable_block
from zoo.layers.dense import pooled_logits
from zoo.registry import architecture


@architecture
def separable_cnn(
    input_shape=(28, 28, 1),
    classes=10,
    filters=(32, 64, 64, 64, 64, 64, 128, 128),
    stem_strides=1,
    dropout=0.0,
):
    """Depthwise-separable CNN: a 3 x 3 stem, then one separable block a width.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Channels of the stem and of each block; a block that is wider than the one before
            it halves the resolution.
        stem_strides: 2 or more makes large images cheap.
        dropout: Fraction of the pooled features to drop in training.

    53,258 parameters at the defaults, batch-norm statistics included.
    """
    widths = arguments.positives(filters, "filters")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, widths[0], 3, strides=stem_strides, name="stem")
    for i in range(1, len(widths)):
        strides = 2 if widths[i] > widths[i - 1] else 1
        x = separable_block(x, widths[i], strides=strides, name=f"block{i}")
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    return keras.Model(image, pooled_logits(x, classes, dropout), name="separable_cnn")
