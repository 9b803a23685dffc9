"""The neocognitron, the first network of convolutions and subsampling, trained by gradient here.

Fukushima, "Neocognitron: A Self-organizing Neural Network Model for a Mechanism of Pattern
Recognition Unaffected by Shift in Position", Biological Cybernetics 36, 1980
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.neocognitron_cells import CCells, SCells
from zoo.registry import architecture


@architecture(smallest={"input_shape": (16, 16, 1), "planes": (6, 6)})
def neocognitron(input_shape=(28, 28, 1), classes=10, planes=(24, 24, 24), kernel_size=5, selectivity=4.0):
    """Layers of S-cells, which detect features, and C-cells, which tolerate their shifts, in turn.

    The cells compute what Fukushima's do, with his non-negative weights and his inhibition. What
    differs: the weights learn from labels by gradient instead of organising themselves, every layer
    of C-cells halves the map, and a dense layer reads the last one.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        planes: Planes of cells in each pair of layers; the paper has 24 in each of three.
        kernel_size: Height and width of the window of every cell.
        selectivity: `r` of the S-cells (equation 1): the larger, the choosier.

    33,322 parameters at the defaults.
    """
    kernel_size = arguments.positive(kernel_size, "kernel_size")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = image
    for i, width in enumerate(arguments.positives(planes, "planes"), start=1):
        x = SCells(width, kernel_size, selectivity, name=f"s{i}")(x)
        x = CCells(kernel_size, strides=2, name=f"c{i}")(x)  # (n, h / 2^i, w / 2^i, width)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="neocognitron")
