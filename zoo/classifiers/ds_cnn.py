"""DS-CNN, from "Hello Edge: Keyword Spotting on Microcontrollers".

Zhang, Suda, Lai & Chandra, 2017, https://arxiv.org/abs/1711.07128, sizes S, M and L; S is also the
keyword model of MLPerf Tiny (Banbury et al., 2021), https://arxiv.org/abs/2106.07597
"""

import typing

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu, separable_block
from zoo.layers.dense import pooled_logits
from zoo.registry import architecture


class _Size(typing.NamedTuple):
    filters: int
    blocks: int
    stem_strides: tuple
    block_strides: int  # of the first block; the others keep the resolution


SIZES = {
    "S": _Size(64, 4, (2, 2), 1),
    "M": _Size(172, 4, (2, 1), 2),
    "L": _Size(276, 5, (2, 1), 2),
}


@architecture(smallest={"filters": 16, "blocks": 2})
def ds_cnn(
    input_shape=(49, 10, 1),
    classes=12,
    size="S",
    filters=None,
    blocks=None,
    stem_strides=None,
    dropout=0.2,
):
    """Depthwise-separable CNN: one strided convolution, then separable blocks.

    Args:
        input_shape: `(frames, coefficients, 1)` of a spectrogram, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        size: "S", "M" or "L", which gives the next three where they are left out: 64, 172 or 276
            filters; 4, 4 or 5 blocks; stem strides (2, 2), (2, 1) or (2, 1). In M and L the first
            block halves the resolution.
        filters: Channels in every block.
        blocks: Separable blocks.
        stem_strides: Strides of the 10 x 4 convolution, in time and in frequency.
        dropout: Fraction to drop in training after the stem; twice that, at most a half, after
            pooling.

    24,332 parameters at the defaults, batch-norm statistics included.
    """
    published = SIZES[arguments.choice(size, "size", tuple(SIZES))]
    filters = arguments.positive(published.filters if filters is None else filters, "filters")
    blocks = arguments.positive(published.blocks if blocks is None else blocks, "blocks")
    stem_strides = published.stem_strides if stem_strides is None else stem_strides
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    dropout = arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, filters, (10, 4), strides=stem_strides, name="stem")  # (n, 25, 5, 64)
    x = layers.Dropout(dropout, name="stem_dropout")(x)
    for i in range(blocks):
        strides = published.block_strides if i == 0 else 1
        x = separable_block(x, filters, strides=strides, name=f"block{i + 1}")
    x = pooled_logits(x, arguments.positive(classes, "classes"), min(2 * dropout, 0.5))
    return keras.Model(image, x, name="ds_cnn")
