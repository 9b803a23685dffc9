"""ShuffleNet V2, designed for measured speed instead of few multiplications.

Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018,
figure 3 (c, d) and table 5, https://arxiv.org/abs/1807.11164
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.channel_shuffle import ChannelShuffle, ChannelSplit
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.dense import pooled_logits
from zoo.layers.inverted_residual import depthwise_bn_act
from zoo.layers.width import scaled_width
from zoo.registry import architecture

STEM = 24
# Channels of the three stages and of the last convolution, by width.
PUBLISHED = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


@architecture(
    smallest={"input_shape": (32, 32, 3), "classes": 10, "width": 0.2, "blocks": (1, 2, 1), "stem_strides": 1}
)
def shufflenet_v2(
    input_shape=(224, 224, 3), classes=1000, width=1.0, blocks=(4, 8, 4), stem_strides=2, dropout=0.0
):
    """Blocks that convolve one half of the channels, pass the other on, and shuffle both.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        width: 0.5, 1.0, 1.5 and 2.0 give the published channels; any other positive number scales
            those of 1.0.
        blocks: Blocks of each of the three stages; the first of a stage halves the resolution.
        stem_strides: 1 keeps small images, such as 32 x 32, large enough.
        dropout: Fraction of the pooled features to drop in training.

    2,294,784 parameters at the defaults, batch-norm statistics included: 2,278,604 without them.
    """
    *stages, head = _channels(arguments.multiplier(width, "width"))
    blocks = _one_a_stage(arguments.positives(blocks, "blocks"))
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    stem_strides = arguments.pair(stem_strides, "stem_strides")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = conv_bn_relu(image, STEM, 3, strides=stem_strides, name="stem")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for i, (filters, repeats) in enumerate(zip(stages, blocks, strict=True), start=2):
        x = downsampling_block(x, filters, name=f"stage{i}_block1")
        for j in range(2, repeats + 1):
            x = shuffled_block(x, name=f"stage{i}_block{j}")
    x = conv_bn_relu(x, head, 1, name="head")
    return keras.Model(image, pooled_logits(x, classes, dropout), name="shufflenet_v2")


def shuffled_block(x, *, name):
    """Half of the channels through three convolutions, the rest as it is: the shape stays."""
    passed, x = ChannelSplit(2, name=f"{name}_split")(x)
    return _joined(passed, _branch(x, x.shape[-1], strides=1, name=name), name)


def downsampling_block(x, filters, *, name):
    """Two branches of stride 2 that both see all channels: `(n, h, w, c)` to `(n, h/2, w/2, filters)`."""
    shortcut = depthwise_bn_act(x, 3, strides=2, activation=None, name=f"{name}_shortcut_depthwise")
    shortcut = conv_bn_relu(shortcut, filters // 2, 1, name=f"{name}_shortcut")
    return _joined(shortcut, _branch(x, filters // 2, strides=2, name=name), name)


def _branch(x, filters, *, strides, name):
    x = conv_bn_relu(x, filters, 1, name=f"{name}_first")
    x = depthwise_bn_act(x, 3, strides=strides, activation=None, name=f"{name}_depthwise")
    return conv_bn_relu(x, filters, 1, name=f"{name}_last")


def _joined(first, second, name):
    x = layers.Concatenate(name=f"{name}_concat")([first, second])
    return ChannelShuffle(2, name=f"{name}_shuffle")(x)


def _channels(width):
    if width in PUBLISHED:
        return PUBLISHED[width]
    return tuple(scaled_width(filters, width) for filters in PUBLISHED[1.0])


def _one_a_stage(blocks):
    if len(blocks) != 3:
        raise ValueError(
            f"blocks={blocks}: expected three numbers, one a stage. Pass blocks=(4, 8, 4) or leave it out."
        )
    return blocks
