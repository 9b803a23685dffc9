"""A decoder of transposed convolutions.

Zeiler, Krishnan, Taylor & Fergus, "Deconvolutional Networks", CVPR 2010; Zeiler, Taylor & Fergus,
"Adaptive Deconvolutional Networks for Mid and High Level Feature Learning", ICCV 2011. For the
arithmetic see Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016,
section 4, https://arxiv.org/abs/1603.07285
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.decoding import dense_stack, doubled, feature_map, finished_image
from zoo.layers.normalization import batch_norm
from zoo.registry import architecture


@architecture
def deconvolutional_decoder(
    code=30,
    output_shape=(28, 28, 1),
    filters=(64, 32),
    hidden=(),
    kernel_size=4,
    activation="sigmoid",
    name="deconvolutional_decoder",
):
    """Dense layer to a small map, then transposed convolutions that double its size.

    Args:
        code: Width of the input `(n, code)`.
        output_shape: `(height, width, channels)` of the image. What the last doubling gives too
            much is cropped evenly.
        filters: Channels of the first map and of each further one but the image; their number is
            that of the doublings.
        hidden: Units of dense layers between the code and the first map.
        kernel_size: Even, so that all pixels see the same number of weights and no checkerboard
            appears.
        activation: "sigmoid" for an image in `[0, 1]`, "linear" for logits.
        name: Name of the model.

    Returns:
        A model from `(n, code)` to `(n, height, width, channels)`.

    140,033 parameters at the defaults, batch-norm statistics included.
    """
    widths = arguments.positives(filters, "filters")
    kernel_size = arguments.positive(kernel_size, "kernel_size")
    shape = arguments.image_shape(output_shape, "output_shape")
    latent = keras.Input((arguments.positive(code, "code"),), name="code")
    x = feature_map(dense_stack(latent, hidden), shape, widths)
    for i, width in enumerate(widths[1:], start=1):
        x = doubled(x, width, kernel_size, name=f"block{i}_deconv", use_bias=False)
        x = batch_norm(x, f"block{i}_bn")
        x = layers.ReLU(name=f"block{i}_relu")(x)
    x = doubled(x, shape[2], kernel_size, name="image_deconv")
    return keras.Model(latent, finished_image(x, shape, activation), name=name)
