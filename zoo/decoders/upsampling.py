"""A decoder that enlarges, then convolves: no checkerboards.

Odena, Dumoulin & Olah, "Deconvolution and Checkerboard Artifacts", Distill, 2016,
https://distill.pub/2016/deconv-checkerboard/
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.decoding import dense_stack, feature_map, finished_image
from zoo.layers.resize import NearestUpsampling2D
from zoo.registry import architecture


@architecture
def upsampling_decoder(
    code=30,
    output_shape=(28, 28, 1),
    filters=(64, 32),
    hidden=(),
    kernel_size=3,
    activation="sigmoid",
    name="upsampling_decoder",
):
    """Dense layer to a small map, then nearest-neighbour doublings, each with a convolution.

    Args:
        code: Width of the input `(n, code)`.
        output_shape: `(height, width, channels)` of the image. What the last doubling gives too
            much is cropped evenly.
        filters: Channels of the first map and of each further one but the image; their number is
            that of the doublings.
        hidden: Units of dense layers between the code and the first map.
        kernel_size: Of every convolution.
        activation: "sigmoid" for an image in `[0, 1]`, "linear" for logits.
        name: Name of the model.

    Returns:
        A model from `(n, code)` to `(n, height, width, channels)`.

    125,473 parameters at the defaults, batch-norm statistics included.
    """
    widths = arguments.positives(filters, "filters")
    kernel_size = arguments.positive(kernel_size, "kernel_size")
    shape = arguments.image_shape(output_shape, "output_shape")
    latent = keras.Input((arguments.positive(code, "code"),), name="code")
    x = feature_map(dense_stack(latent, hidden), shape, widths)
    for i, width in enumerate(widths[1:], start=1):
        x = NearestUpsampling2D(2, name=f"block{i}_upsampling")(x)
        x = conv_bn_relu(x, width, kernel_size, name=f"block{i}")
    x = NearestUpsampling2D(2, name="image_upsampling")(x)
    x = layers.Conv2D(shape[2], kernel_size, padding="same", name="image_conv")(x)
    return keras.Model(latent, finished_image(x, shape, activation), name=name)
