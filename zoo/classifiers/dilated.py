"""A classifier that sees the whole image by dilation, not by pooling.

Yu & Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2016, section 3,
https://arxiv.org/abs/1511.07122
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.dense import dense_bn_relu
from zoo.registry import architecture


@architecture
def dilated_cnn(
    input_shape=(28, 28, 1),
    classes=10,
    filters=(32, 32, 48, 64),
    dilations=(1, 2, 4),
    features=128,
    hidden=128,
    dropout=0.0,
):
    """Context module after a strided stem: 3 x 3 convolutions with growing dilation, then 1 x 1.

    With dilations 1, 2, 4 behind a stem of stride 2 every output sees 31 x 31 pixels, at half the
    image's resolution.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Channels of the stem, then of each dilated convolution.
        dilations: One a convolution, so one fewer than `filters`.
        features: Channels of the last, 1 x 1 convolution.
        hidden: Units of the dense layer between pooling and output.
        dropout: Fraction of the hidden units to drop in training.

    78,570 parameters at the defaults, batch-norm statistics included.
    """
    widths = arguments.positives(filters, "filters")
    dilations = arguments.positives(dilations, "dilations")
    _check_lengths(widths, dilations)
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, widths[0], 3, strides=2, name="stem")  # (n, h/2, w/2, filters[0])
    for i, dilation in enumerate(dilations, start=1):
        x = conv_bn_relu(x, widths[i], 3, dilation_rate=dilation, name=f"block{i}")
    x = conv_bn_relu(x, arguments.positive(features, "features"), 1, name="features")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = dense_bn_relu(x, arguments.positive(hidden, "hidden"), name="hidden")
    x = layers.Dropout(arguments.rate(dropout, "dropout"), name="dropout")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="dilated_cnn")


def _check_lengths(filters, dilations):
    if len(filters) != len(dilations) + 1:
        raise ValueError(
            f"filters={filters} do not fit dilations={dilations}: expected {len(dilations) + 1} "
            f"widths, one for the stem and one a dilation. "
            f"Pass {len(dilations) + 1} filters or {len(filters) - 1} dilations."
        )
