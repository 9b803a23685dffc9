"""AlexNet, from "ImageNet Classification with Deep Convolutional Neural Networks".

Krizhevsky, Sutskever & Hinton, 2012,
https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.dense import dropped_hidden
from zoo.layers.plain_convolution import NORMALIZATIONS, conv_relu, local_norm
from zoo.layers.width import scaled_width
from zoo.registry import architecture

SMALLEST = 67  # pixels, which the last pooling reduces to one


@architecture(smallest={"input_shape": (67, 67, 3), "classes": 10, "width": 1 / 32, "dropout": 0.0})
def alexnet(input_shape=(227, 227, 3), classes=1000, width=1.0, normalization="local", dropout=0.5):
    """Five convolutions with overlapping max pooling, then three dense layers, in one tower.

    The paper splits convolutions 2, 4 and 5 between two GPUs, which leaves 60,965,224 parameters;
    here every map sees all maps of the layer before it.

    Args:
        input_shape: `(height, width, channels)`, at least 67 x 67.
        classes: Width of the output; the model returns logits `(n, classes)`.
        width: Multiplies channels and units; rounded to multiples of 8.
        normalization: "local" behind the first two convolutions as published, "batch" behind all
            five, or "none".
        dropout: Fraction of the dense layers' inputs to drop in training.

    62,378,344 parameters at the defaults.
    """
    shape = _checked_shape(arguments.image_shape(input_shape))
    width, dropout = arguments.multiplier(width, "width"), arguments.rate(dropout, "dropout")
    batch_norm = arguments.choice(normalization, "normalization", NORMALIZATIONS) == "batch"
    first, second, third, fifth, units = (scaled_width(n, width) for n in (96, 256, 384, 256, 4096))
    classes = arguments.positive(classes, "classes")
    image = keras.Input(shape, name="image")
    x = conv_relu(
        image, first, 11, strides=4, padding="valid", batch_norm=batch_norm, name="block1"
    )  # (n, 55, 55, 96)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(local_norm(x, normalization, name="norm1"))
    x = conv_relu(x, second, 5, batch_norm=batch_norm, name="block2")  # (n, 27, 27, 256)
    x = layers.MaxPooling2D(3, strides=2, name="pool2")(local_norm(x, normalization, name="norm2"))
    x = conv_relu(x, third, 3, batch_norm=batch_norm, name="block3")  # (n, 13, 13, 384)
    x = conv_relu(x, third, 3, batch_norm=batch_norm, name="block4")
    x = conv_relu(x, fifth, 3, batch_norm=batch_norm, name="block5")
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(3, strides=2, name="pool5")(x))
    x = dropped_hidden(x, units, dropout)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, x, name="alexnet")


def _checked_shape(shape):
    if min(shape[:2]) < SMALLEST:
        raise ValueError(
            f"input_shape={shape!r} is too small: expected at least {SMALLEST} x {SMALLEST} pixels, of "
            "which the pooling layers leave one. Enlarge the images, or take vgg16 for 32 x 32."
        )
    return shape
