"""The Cresceptron, which brought max pooling, with widths that are given instead of grown.

Weng, Ahuja & Huang, "Cresceptron: a Self-organizing Neural Network Which Grows Adaptively", IJCNN
1992, and "Learning Recognition and Segmentation Using the Cresceptron", IJCV 25, 1997
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn
from zoo.registry import architecture


@architecture(smallest={"input_shape": (16, 16, 1), "filters": (4, 8), "hidden": 16})
def cresceptron(input_shape=(28, 28, 1), classes=10, filters=(16, 32, 64), hidden=64):
    """Modules of pattern detection (a convolution and a sigmoid) and node reduction (max pooling).

    The published net adds a feature plane whenever training meets a new pattern. Here `filters` says
    how many there are, the weights learn by gradient, and batch normalisation sets the thresholds
    that growth would.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Feature planes of each module, which halves the map.
        hidden: Units between the last module and the output.

    89,882 parameters at the defaults, batch-norm statistics included.
    """
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = image
    for i, width in enumerate(arguments.positives(filters, "filters"), start=1):
        x = conv_bn(x, width, 3, name=f"detection{i}")
        x = layers.Activation("sigmoid", name=f"detection{i}_sigmoid")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"reduction{i}")(x)  # (n, h / 2^i, w / 2^i, c)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(arguments.positive(hidden, "hidden"), activation="sigmoid", name="hidden")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="cresceptron")
