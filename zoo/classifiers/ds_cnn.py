"""DS-CNN, from "Hello Edge: Keyword Spotting on Microcontrollers".

Zhang, Suda, Lai & Chandra, 2017, https://arxiv.org/abs/1711.07128; the sizes are those of MLPerf
Tiny (Banbury et al., 2021), https://arxiv.org/abs/2106.07597
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu, separable_block
from zoo.layers.dense import pooled_logits
from zoo.registry import architecture


@architecture
def ds_cnn(
    input_shape=(49, 10, 1), classes=12, filters=64, blocks=4, stem_strides=(2, 2), dropout=0.2
):
    """Depthwise-separable CNN: one strided convolution, then separable blocks.

    Args:
        input_shape: `(frames, coefficients, 1)` of a spectrogram, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Channels in every block.
        blocks: Separable blocks.
        stem_strides: Strides of the 10 x 4 convolution, in time and in frequency.
        dropout: Fraction to drop in training after the stem; twice that, at most a half, after
            pooling.

    24,332 parameters at the defaults, batch-norm statistics included.
    """
    filters, dropout = arguments.positive(filters, "filters"), arguments.rate(dropout, "dropout")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, filters, (10, 4), strides=stem_strides, name="stem")  # (n, 25, 5, 64)
    x = layers.Dropout(dropout, name="stem_dropout")(x)
    for i in range(arguments.positive(blocks, "blocks")):
        x = separable_block(x, filters, name=f"block{i + 1}")
    x = pooled_logits(x, arguments.positive(classes, "classes"), min(2 * dropout, 0.5))
    return keras.Model(image, x, name="ds_cnn")
