"""ConvNeXt V2, a convolutional network with a transformer's proportions.

Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023, sections 3.2
and 4 and appendix A.1, https://arxiv.org/abs/2301.00808; the stem and the downsampling layers are those
of Liu et al., "A ConvNet for the 2020s", 2022, section 2, https://arxiv.org/abs/2201.03545
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.global_response import GlobalResponseNormalization
from zoo.layers.normalization import batch_norm
from zoo.layers.width import scaled_width
from zoo.registry import architecture

SIZES = {"atto": (40, 80, 160, 320), "femto": (48, 96, 192, 384), "pico": (64, 128, 256, 512)}
EXPANSION = 4
NORMALIZATIONS = ("layer", "batch")


@architecture(
    smallest={"input_shape": (32, 32, 3), "classes": 10, "width": 0.2, "blocks": (1, 1, 1, 1), "patch": 2}
)
def convnext_v2(
    input_shape=(224, 224, 3),
    classes=1000,
    size="atto",
    width=1.0,
    blocks=(2, 2, 6, 2),
    patch=4,
    normalization="layer",
    dropout=0.0,
):
    """Blocks of a 7 x 7 depthwise and two 1 x 1 convolutions with global response normalisation.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        size: "atto", "femto" or "pico".
        width: Multiplies the channels of every layer; rounded to multiples of 8.
        blocks: Blocks of each of the four stages; every stage but the first halves the resolution.
        patch: Pixels along each side that the stem makes one position of; 1 or 2 for small images.
        normalization: "layer" as published, or "batch", which folds into the convolution before it
            and so costs an exported file nothing.
        dropout: Fraction of the pooled features to drop in training.

    3,708,400 parameters at the defaults.
    """
    arguments.choice(normalization, "normalization", NORMALIZATIONS)
    widths = SIZES[arguments.choice(size, "size", tuple(SIZES))]
    width = arguments.multiplier(width, "width")
    blocks = _one_a_stage(arguments.positives(blocks, "blocks"))
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    patch = arguments.positive(patch, "patch")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    x = _stem(image, scaled_width(widths[0], width), patch, normalization)
    for i, (filters, repeats) in enumerate(zip(widths, blocks, strict=True), start=1):
        if i > 1:
            x = _halved(x, scaled_width(filters, width), normalization, name=f"stage{i}")
        for j in range(1, repeats + 1):
            x = convnext_block(x, normalization=normalization, name=f"stage{i}_block{j}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(_normalized(x, normalization, "norm"))
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, x, name="convnext_v2")


def convnext_block(x, *, normalization, name):
    """Figure 5, right: depthwise, wide with GELU and response normalisation, narrow, plus the input.

    The shape stays.
    """
    shortcut, filters = x, x.shape[-1]
    x = layers.DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise")(x)
    x = _normalized(x, normalization, f"{name}_norm")
    x = layers.Conv2D(EXPANSION * filters, 1, name=f"{name}_expand")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = GlobalResponseNormalization(name=f"{name}_response")(x)
    x = layers.Conv2D(filters, 1, name=f"{name}_project")(x)
    return layers.Add(name=f"{name}_add")([shortcut, x])


def _stem(x, filters, patch, normalization):
    x = layers.Conv2D(filters, patch, strides=patch, padding="same", name="stem")(x)
    return _normalized(x, normalization, "stem_norm")


def _halved(x, filters, normalization, name):
    x = _normalized(x, normalization, f"{name}_norm")
    return layers.Conv2D(filters, 2, strides=2, padding="same", name=f"{name}_downsample")(x)


def _normalized(x, normalization, name):
    if normalization == "batch":
        return batch_norm(x, name)
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)


def _one_a_stage(blocks):
    if len(blocks) != len(SIZES["atto"]):
        raise ValueError(
            f"blocks={blocks}: expected four numbers, one a stage. Pass blocks=(2, 2, 6, 2) or leave it out."
        )
    return blocks
