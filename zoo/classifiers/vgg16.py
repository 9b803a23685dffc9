"""VGG-16, configuration D of "Very Deep Convolutional Networks for Large-Scale Image Recognition".

Simonyan & Zisserman, 2015, https://arxiv.org/abs/1409.1556
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.dense import dropped_hidden
from zoo.layers.plain_convolution import conv_relu
from zoo.layers.width import scaled_width
from zoo.registry import architecture

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions
UNITS = 4096
SMALLEST = 2 ** len(BLOCKS)  # pixels, which the last pooling reduces to one


@architecture(smallest={"input_shape": (32, 32, 3), "classes": 10, "width": 1 / 16, "dropout": 0.0})
def vgg16(input_shape=(224, 224, 3), classes=1000, width=1.0, batch_norm=False, dropout=0.5):
    """Thirteen 3 x 3 convolutions in five blocks, each pooled, then three dense layers.

    Args:
        input_shape: `(height, width, channels)`, at least 32 x 32.
        classes: Width of the output; the model returns logits `(n, classes)`.
        width: Multiplies channels and units; rounded to multiples of 8.
        batch_norm: Normalise behind every convolution, which the paper had not yet.
        dropout: Fraction of the dense layers' inputs to drop in training.

    138,357,544 parameters at the defaults.
    """
    shape = arguments.image_shape(input_shape)
    if min(shape[:2]) < SMALLEST:
        raise ValueError(
            f"input_shape={shape!r} is too small: expected at least {SMALLEST} x {SMALLEST} pixels, "
            "which the five blocks halve to one. Enlarge the images, or take a smaller network."
        )
    width, dropout = arguments.multiplier(width, "width"), arguments.rate(dropout, "dropout")
    classes = arguments.positive(classes, "classes")
    image = keras.Input(shape, name="image")
    x = image
    for i, (filters, convolutions) in enumerate(BLOCKS, start=1):
        for j in range(1, convolutions + 1):
            name = f"block{i}_{j}"
            x = conv_relu(x, scaled_width(filters, width), 3, batch_norm=batch_norm, name=name)
        x = layers.MaxPooling2D(2, name=f"pool{i}")(x)  # (n, h / 2^i, w / 2^i, filters)
    x = dropped_hidden(layers.Flatten(name="flatten")(x), scaled_width(UNITS, width), dropout)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, x, name="vgg16")
