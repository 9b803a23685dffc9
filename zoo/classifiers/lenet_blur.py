"""LeNet-5 that subsamples behind a low-pass filter.

Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, section 3.2,
https://arxiv.org/abs/1904.11486; the network is that of LeCun et al., 1998.
"""

import keras
from keras import layers

from zoo import arguments
from zoo.classifiers.lenet import padded_input
from zoo.layers.blur import MaxBlurPool2D
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.dense import dense_bn_relu
from zoo.registry import architecture


@architecture
def lenet5_blur(input_shape=(28, 28, 1), classes=10, filter_size=3, dropout=0.0):
    """`lenet5_modern` whose max pooling is dense, then blurred, then subsampled.

    Args:
        input_shape: `(height, width, channels)`; padded with zeros to 32 x 32 where smaller.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filter_size: Pixels the low-pass filter covers along each axis.
        dropout: Fraction of F6's outputs to drop in training.

    62,384 parameters at the defaults, batch-norm statistics included.
    """
    filter_size = arguments.positive(filter_size, "filter_size")
    image, x = padded_input(arguments.image_shape(input_shape))
    x = conv_bn_relu(x, 6, 5, padding="valid", name="c1")  # (n, 28, 28, 6)
    x = MaxBlurPool2D(2, 2, filter_size, name="s2")(x)
    x = conv_bn_relu(x, 16, 5, padding="valid", name="c3")  # (n, 10, 10, 16)
    x = MaxBlurPool2D(2, 2, filter_size, name="s4")(x)
    x = conv_bn_relu(x, 120, 5, padding="valid", name="c5")  # (n, 1, 1, 120)
    x = layers.Flatten(name="flatten")(x)
    x = dense_bn_relu(x, 84, name="f6")
    x = layers.Dropout(arguments.rate(dropout, "dropout"), name="dropout")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="lenet5_blur")
