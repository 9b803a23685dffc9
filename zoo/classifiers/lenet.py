"""LeNet-5, from "Gradient-Based Learning Applied to Document Recognition".

LeCun, Bottou, Bengio & Haffner, Proceedings of the IEEE, 1998, section II.B,
http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.dense import dense_bn_relu
from zoo.registry import architecture


@architecture
def lenet5(input_shape=(28, 28, 1), classes=10):
    """LeNet-5 as published: 5 x 5 convolutions, average pooling, tanh.

    C3 sees every map of S2, pooling has no weights, and the output layer is dense.

    Args:
        input_shape: `(height, width, channels)`; padded with zeros to 32 x 32 where smaller.
        classes: Width of the output; the model returns logits `(n, classes)`.

    61,706 parameters at the defaults.
    """
    image, x = padded_input(arguments.image_shape(input_shape))
    x = layers.Conv2D(6, 5, activation="tanh", name="c1")(x)  # (n, 28, 28, 6)
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="c3")(x)  # (n, 10, 10, 16)
    x = layers.AveragePooling2D(2, name="s4")(x)
    x = layers.Conv2D(120, 5, activation="tanh", name="c5")(x)  # (n, 1, 1, 120)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation="tanh", name="f6")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="lenet5")


@architecture
def lenet5_modern(input_shape=(28, 28, 1), classes=10, dropout=0.0):
    """LeNet-5 with today's parts: batch normalisation, ReLU and max pooling.

    Args:
        input_shape: `(height, width, channels)`; padded with zeros to 32 x 32 where smaller.
        classes: Width of the output; the model returns logits `(n, classes)`.
        dropout: Fraction of F6's outputs to drop in training.

    62,384 parameters at the defaults, batch-norm statistics included.
    """
    image, x = padded_input(arguments.image_shape(input_shape))
    x = conv_bn_relu(x, 6, 5, padding="valid", name="c1")  # (n, 28, 28, 6)
    x = layers.MaxPooling2D(2, name="s2")(x)
    x = conv_bn_relu(x, 16, 5, padding="valid", name="c3")  # (n, 10, 10, 16)
    x = layers.MaxPooling2D(2, name="s4")(x)
    x = conv_bn_relu(x, 120, 5, padding="valid", name="c5")  # (n, 1, 1, 120)
    x = layers.Flatten(name="flatten")(x)
    x = dense_bn_relu(x, 84, name="f6")
    x = layers.Dropout(arguments.rate(dropout, "dropout"), name="dropout")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="lenet5_modern")


def padded_input(shape):
    """The input of `shape`, and that input centred in at least 32 x 32 pixels."""
    image = keras.Input(shape, name="image")
    missing = [max(0, 32 - size) for size in shape[:2]]
    if not any(missing):
        return image, image
    padding = [(total // 2, total - total // 2) for total in missing]
    return image, layers.ZeroPadding2D(padding, name="pad")(image)
