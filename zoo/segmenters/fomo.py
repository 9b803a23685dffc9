"""A detector of centroids: which class of object, if any, has its centre in each cell of a grid.

Moreau & Kelcey, "Announcing FOMO (Faster Objects, More Objects)", Edge Impulse, 2022,
https://www.edgeimpulse.com/blog/announcing-fomo-faster-objects-more-objects/, on the trunk of Sandler
et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, https://arxiv.org/abs/1801.04381
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.inverted_residual import conv_bn_act, inverted_residual
from zoo.layers.width import scaled_width
from zoo.registry import architecture

STEM = 32
BLOCKS = (
    (16, 1, 1),
    (24, 2, 6),
    (24, 1, 6),
    (32, 2, 6),
    (32, 1, 6),
    (32, 1, 6),
)  # filters, strides, expansion
CUT_EXPANSION = 6


@architecture(smallest={"input_shape": (32, 32, 3), "width": 0.25})
def fomo(input_shape=(96, 96, 3), classes=1, width=0.35, features=32, stem_strides=2, dropout=0.0):
    """MobileNetV2 cut within its seventh block, where one cell is 8 x 8 pixels, then 1 x 1 convolutions.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Classes of objects. The model returns logits `(n, h/8, w/8, classes + 1)`, sizes
            rounded up; class 0 is the background.
        width: Multiplies the channels of the trunk; rounded to multiples of 8.
        features: Channels of the layer before the logits.
        stem_strides: 1 makes a cell 4 x 4 pixels.
        dropout: Fraction of the features to drop in training.

    20,754 parameters at the defaults, batch-norm statistics included.
    """
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    width = arguments.multiplier(width, "width")
    features = arguments.positive(features, "features")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_act(
        image, scaled_width(STEM, width), 3, strides=stem_strides, activation="relu6", name="stem"
    )
    for i, (filters, strides, expansion) in enumerate(BLOCKS, start=1):
        x = inverted_residual(
            x, scaled_width(filters, width), expansion=expansion, strides=strides, name=f"block{i}"
        )
    expanded = CUT_EXPANSION * x.shape[-1]
    x = conv_bn_act(x, expanded, 1, activation="relu6", name="cut")  # (n, h/8, w/8, 6 c)
    x = layers.Conv2D(features, 1, activation="relu", kernel_initializer="he_normal", name="features")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(classes + 1, 1, name="logits")(x)
    return keras.Model(image, x, name="fomo")
