"""FSRCNN, from "Accelerating the Super-Resolution Convolutional Neural Network".

Dong, Loy & Tang, 2016, https://arxiv.org/abs/1608.00367. That the network only adds what
interpolation misses is from Kim, Lee & Lee, "Accurate Image Super-Resolution Using Very Deep
Convolutional Networks", 2016, section 3.2, https://arxiv.org/abs/1511.04587
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.plain_convolution import conv_relu
from zoo.registry import architecture


@architecture(smallest={"input_shape": (12, 12, 1), "filters": 16, "shrunk": 12})
def fsrcnn(
    input_shape=(80, 80, 1),
    factor=2,
    filters=32,
    shrunk=8,
    mappings=2,
    enlarging_kernel=8,
    residual=True,
):
    """Convolutions on the small image, and a transposed one at the end that enlarges it.

    FSRCNN(56, 12, 4) of the paper is `filters=56, shrunk=12, mappings=4, enlarging_kernel=9,
    residual=False`. It has parametric ReLUs, in whose place ReLUs fold into the convolutions here.

    Args:
        input_shape: `(height, width, channels)` of the small image, without the batch axis.
        factor: How many times larger the output is along height and width.
        filters: Maps that are extracted from the image and enlarged from, d in the paper.
        shrunk: Maps between them, s in the paper.
        mappings: 3 x 3 convolutions of these, m in the paper.
        enlarging_kernel: Side of the transposed convolution. Where `factor` divides it, all pixels of the
            output see the same number of weights and no checkerboard appears.
        residual: Whether the image, enlarged bilinearly, is added to what the network gives.

    Returns:
        A model from images in `[0, 1]` to images in `[0, 1]`, `factor` times as high and wide.

    4,601 parameters at the defaults.
    """
    shape = arguments.image_shape(input_shape)
    factor, filters = arguments.positive(factor, "factor"), arguments.positive(filters, "filters")
    shrunk, mappings = arguments.positive(shrunk, "shrunk"), arguments.positive(mappings, "mappings")
    kernel_size = arguments.positive(enlarging_kernel, "enlarging_kernel")
    image = keras.Input(shape, name="image")
    x = conv_relu(image, filters, 5, name="features")  # (n, h, w, filters)
    x = conv_relu(x, shrunk, 1, name="shrinking")  # (n, h, w, shrunk)
    for i in range(1, mappings + 1):
        x = conv_relu(x, shrunk, 3, name=f"mapping{i}")
    x = conv_relu(x, filters, 1, name="expanding")  # (n, h, w, filters)
    x = layers.Conv2DTranspose(
        shape[2],
        kernel_size,
        strides=factor,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        name="enlarging",
    )(x)  # (n, factor h, factor w, channels)
    if residual:
        smooth = layers.UpSampling2D(factor, interpolation="bilinear", name="interpolation")(image)
        x = layers.Add(name="sum")([smooth, x])
    return keras.Model(image, layers.ReLU(max_value=1.0, name="enlarged")(x), name="fsrcnn")
