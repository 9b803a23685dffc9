"""The multi-column deep neural network: a committee of DanNets.

Ciresan, Meier & Schmidhuber, "Multi-column Deep Neural Networks for Image Classification", 2012,
https://arxiv.org/abs/1202.2745
"""

import keras
from keras import layers

from zoo import arguments
from zoo.classifiers.dannet import MNIST_LAYOUT, SMALLEST, dannet
from zoo.registry import architecture


@architecture(smallest={**SMALLEST, "columns": 2, "widths": (0.8, 1.0)})
def mcdnn(input_shape=(29, 29, 1), classes=10, columns=5, widths=(1.0,), layout=MNIST_LAYOUT):
    """Columns that see the same image, each at a width of its own, and whose logits are averaged.

    Each column is a `dannet`, `model.get_layer("column1")`, to be trained apart as published or all
    together. The paper averages probabilities; the mean of logits, which is the logarithm of their
    geometric mean but for a constant, needs no logarithm on the device. Its 35 columns for MNIST are
    five for each of seven widths of the digits.

    Args:
        input_shape: `(height, width, channels)`, as `dannet` takes it.
        classes: Width of the output; the model returns logits `(n, classes)`.
        columns: How many there are.
        widths: Factors by which columns stretch the image about its middle, column `i` by the
            `i`-th and again from the first; what falls outside is cut, what is missing is 0.
        layout: That of every column, see `dannet`.

    380,200 parameters at the defaults.
    """
    shape = arguments.image_shape(input_shape)
    widths = _factors(widths)
    image = keras.Input(shape, name="image")
    logits = []
    for i in range(arguments.positive(columns, "columns")):
        built = dannet(shape, classes, layout)
        column = keras.Model(built.input, built.output, name=f"column{i + 1}")
        x = _stretched(image, widths[i % len(widths)], name=f"column{i + 1}")
        logits.append(column(x))
    x = layers.Average(name="logits")(logits) if len(logits) > 1 else logits[0]
    return keras.Model(image, x, name="mcdnn")


def _stretched(image, factor, *, name):
    """The image with its content `factor` times as wide: the same shape."""
    height, width = image.shape[1:3]
    wanted = max(1, round(width * factor))
    if wanted == width:
        return image
    x = layers.Resizing(height, wanted, name=f"{name}_resize")(image)
    excess = abs(wanted - width)
    sides = ((0, 0), (excess // 2, excess - excess // 2))
    if wanted > width:
        return layers.Cropping2D(sides, name=f"{name}_crop")(x)
    return layers.ZeroPadding2D(sides, name=f"{name}_pad")(x)


def _factors(widths):
    try:
        factors = tuple(widths)
    except TypeError:
        factors = ()
    if not factors:
        raise ValueError(
            f"widths={widths!r}: expected one or more factors, such as widths=(0.8, 1.0, 1.2). Leave it "
            "out for columns that all see the image as it is."
        )
    return tuple(arguments.multiplier(factor, "widths") for factor in factors)
