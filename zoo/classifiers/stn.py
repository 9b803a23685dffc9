"""A small CNN behind a spatial transformer.

Jaderberg, Simonyan, Zisserman & Kavukcuoglu, "Spatial Transformer Networks", 2015, section 3 and,
for the size of the localisation network, section 4.1, https://arxiv.org/abs/1506.02025
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.dense import dense_bn_relu, pooled_logits
from zoo.layers.spatial_transformer import IdentityMap, SpatialTransformer
from zoo.registry import architecture


@architecture(
    smallest={
        "input_shape": (16, 16, 1),
        "classes": 4,
        "filters": (8, 16),
        "locate": (8, 8),
        "hidden": 16,
    }
)
def stn_cnn(
    input_shape=(42, 42, 1),
    classes=10,
    filters=(16, 32, 64),
    locate=(16, 16),
    hidden=32,
    view=None,
    transformer=True,
    dropout=0.0,
):
    """A localisation network turns, scales, shears and shifts the image for the CNN behind it.

    It starts with the whole image as it is. The classifier is the same with and without it.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Channels of the classifier's 5 x 5 convolutions, each followed by max pooling.
        locate: Channels of the localisation network's 5 x 5 convolutions of stride 2.
        hidden: Units of its dense layer.
        view: `(height, width)` of what the classifier sees, or one integer for both; None keeps the
            size of the image. Sampling costs the product of both sizes.
        transformer: False gives the classifier alone, which then sees the image itself.
        dropout: Fraction of the pooled features to drop in training.

    134,704 parameters at the defaults, batch-norm statistics included.
    """
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = image
    if transformer:
        theta = _located(image, arguments.positives(locate, "locate"), arguments.positive(hidden, "hidden"))
        x = SpatialTransformer(view, name="transformer")(image, theta)
    for i, width in enumerate(arguments.positives(filters, "filters"), start=1):
        x = conv_bn_relu(x, width, 5, name=f"block{i}")
        x = layers.MaxPooling2D(2, padding="same", name=f"block{i}_pool")(x)
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    return keras.Model(image, pooled_logits(x, classes, dropout), name="stn_cnn")


def _located(x, filters, hidden):
    """The affine map for each image: `(n, h, w, c)` to `(n, 6)`, the identity at first."""
    for i, width in enumerate(filters, start=1):
        x = conv_bn_relu(x, width, 5, strides=2, name=f"locate{i}")
    # Pooling over all places would forget where things are.
    x = layers.Flatten(name="locate_flatten")(x)
    x = dense_bn_relu(x, hidden, name="locate_hidden")
    return layers.Dense(6, kernel_initializer="zeros", bias_initializer=IdentityMap(), name="theta")(x)
