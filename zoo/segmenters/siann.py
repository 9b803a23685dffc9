"""The shift-invariant artificial neural network without its dense layer: a label for every pixel.

Zhang, Hasegawa, Itoh & Ichioka, "Image processing of human corneal endothelium based on a learning
network", Applied Optics 30, 1991; for the network see `zoo.classifiers.siann`
"""

import keras
from keras import layers

from zoo import arguments
from zoo.classifiers.siann import space_invariant
from zoo.registry import architecture


@architecture(smallest={"input_shape": (12, 12, 1), "filters": (4, 4), "kernel_size": 3})
def siann_segmenter(input_shape=(64, 64, 1), classes=2, filters=(8, 8), kernel_size=5):
    """Convolutions with sigmoids at full resolution; the last one gives the logits of each pixel.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: The model returns logits `(n, h, w, classes)`.
        filters: Maps of each convolution before the last.
        kernel_size: Height and width of every kernel, or two numbers.

    2,218 parameters at the defaults.
    """
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = space_invariant(image, filters, kernel_size)
    classes, kernel_size = arguments.positive(classes, "classes"), arguments.pair(kernel_size, "kernel_size")
    x = layers.Conv2D(classes, kernel_size, padding="same", name="logits")(x)
    return keras.Model(image, x, name="siann_segmenter")
