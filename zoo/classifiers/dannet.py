"""DanNet, and the committee of such networks, each trained apart.

Ciresan, Meier, Masci, Gambardella & Schmidhuber, "Flexible, High Performance Convolutional Neural
Networks for Image Classification", IJCAI 2011; Ciresan, Meier & Schmidhuber, "Multi-column Deep
Neural Networks for Image Classification", 2012, https://arxiv.org/abs/1202.2745
"""

import re

import keras
from keras import layers

from zoo import arguments
from zoo.classifiers.lenet import padded_input
from zoo.layers.scaled_tanh import scaled_tanh
from zoo.registry import architecture

MNIST_LAYOUT = "20C4-MP2-40C5-MP3-150N"
MNIST_SIZE = 29
TOKEN = re.compile(r"(?P<filters>[1-9]\d*)C(?P<kernel>[1-9]\d*)|MP(?P<pool>[1-9]\d*)|(?P<units>[1-9]\d*)N")
SMALLEST = {"input_shape": (12, 12, 1), "layout": "4C3-MP2-6C3-MP3-16N"}


@architecture(smallest=SMALLEST)
def dannet(input_shape=(29, 29, 1), classes=10, layout=MNIST_LAYOUT):
    """Convolutions, max pooling and dense layers in the order of the paper's own notation.

    Args:
        input_shape: `(height, width, channels)`; padded with zeros to 29 x 29 where smaller and the
            layout is that for MNIST.
        classes: Width of the output; the model returns logits `(n, classes)`.
        layout: Layers, separated by "-": "20C4" is a convolution to 20 maps by 4 x 4 kernels, "MP2"
            max pooling of 2 x 2 windows, the last one cut off where a map is not a multiple of it,
            "150N" a dense layer. Convolutions and dense layers end in `1.7159 tanh(2 x / 3)`. The
            output layer is added by itself. The layout for CIFAR-10 is
            "300C3-MP2-300C2-MP2-300C3-MP2-300C2-MP2-300N-100N".

    76,040 parameters at the defaults.
    """
    tokens = _parsed(layout)
    smallest = MNIST_SIZE if layout == MNIST_LAYOUT else 1
    image, x = padded_input(arguments.image_shape(input_shape), smallest)
    for i, token in enumerate(tokens, start=1):
        x = _layer(x, token, layout, name=f"layer{i}")
    x = x if len(x.shape) == 2 else layers.Flatten(name="flatten")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="dannet")


def _parsed(layout):
    parts = str(layout).split("-")
    tokens = [TOKEN.fullmatch(part) for part in parts]
    if None in tokens:
        wrong = parts[tokens.index(None)]
        raise ValueError(
            f"layout={layout!r}: {wrong!r} is no layer. Expected layers such as 20C4, MP2 and 150N with "
            f"positive numbers, separated by '-', as in {MNIST_LAYOUT!r}."
        )
    kinds = [token["units"] is not None for token in tokens]
    if kinds != sorted(kinds):
        raise ValueError(
            f"layout={layout!r}: a convolution or a pooling follows a dense layer, which leaves no map. "
            "Move layers such as 150N to the end."
        )
    return tokens


def _layer(x, token, layout, *, name):
    if token["units"]:
        x = x if len(x.shape) == 2 else layers.Flatten(name="flatten")(x)
        return layers.Dense(int(token["units"]), activation=scaled_tanh, name=name)(x)
    if token["pool"]:
        return layers.MaxPooling2D(int(token["pool"]), padding="same", name=name)(x)
    kernel = int(token["kernel"])
    if min(x.shape[1:3]) < kernel:
        raise ValueError(
            f"layout={layout!r}: {token[0]!r} meets a map of {x.shape[1]} x {x.shape[2]}, which is smaller "
            "than its kernel. Pass larger images or fewer layers."
        )
    return layers.Conv2D(int(token["filters"]), kernel, activation=scaled_tanh, name=name)(x)
