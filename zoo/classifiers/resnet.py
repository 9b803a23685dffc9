"""ResNet-8, the image classification model of MLPerf Tiny.

He et al., "Deep Residual Learning for Image Recognition", 2015, https://arxiv.org/abs/1512.03385;
the sizes are those of MLPerf Tiny (Banbury et al., 2021), https://arxiv.org/abs/2106.07597
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn, conv_bn_relu
from zoo.layers.dense import pooled_logits
from zoo.registry import architecture


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
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, widths[0], 3, bias=True, name="stem")
    for i, width in enumerate(widths):
        x = residual_block(x, width, strides=1 if i == 0 else 2, name=f"block{i + 1}")
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
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
