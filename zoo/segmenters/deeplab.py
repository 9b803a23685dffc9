"""DeepLab: dilated convolutions at several rates, side by side, on one map.

Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation" (version 3), 2017,
section 3.3, https://arxiv.org/abs/1706.05587, and "Encoder-Decoder with Atrous Separable
Convolution for Semantic Image Segmentation" (version 3+), 2018, section 3,
https://arxiv.org/abs/1802.02611
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.borders import cropped_to, padded_to_multiple
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.normalization import batch_norm
from zoo.layers.resize import NearestUpsampling2D
from zoo.registry import architecture

DECODER_STRIDE = 4


@architecture(
    smallest={
        "input_shape": (24, 20, 1),
        "classes": 3,
        "filters": (4, 6, 8, 12, 12),
        "rates": (1, 2),
        "pyramid": 8,
        "low_level": 4,
        "dropout": 0.1,
    }
)
def deeplab(
    input_shape=(64, 64, 1),
    classes=11,
    output_stride=8,
    filters=(16, 32, 32, 64, 64, 128, 128),
    rates=(1, 2, 4),
    pyramid=64,
    low_level=16,
    dropout=0.0,
):
    """MobileNet-like trunk, atrous spatial pyramid pooling, a small decoder, bilinear enlargement.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis; zeros make up what is
            missing to a multiple of `output_stride`.
        classes: The model returns logits `(n, height, width, classes)`.
        output_stride: 8 or 16: how much smaller than the image the trunk's map is.
        filters: Channels of the trunk's strided stem and of each separable block; a block that is
            wider than the one before it halves the resolution, or, where `output_stride` is
            reached, doubles the dilation of those that follow.
        rates: Dilations of the pyramid's 3 x 3 branches, beside its 1 x 1 and its image-level one;
            (6, 12, 18) at output stride 16 in the papers, for images of 513 x 513.
        pyramid: Channels of each branch and behind them; 256 in the papers.
        low_level: Channels that the decoder takes from the trunk's map of stride 4; 48 in version
            3+, and 0 for version 3, which enlarges the scores at once.
        dropout: Fraction to drop in training before the scores.

    114,299 parameters at the defaults, batch-norm statistics included.
    """
    height, breadth, channels = arguments.image_shape(input_shape)
    widths, rates = arguments.positives(filters, "filters"), arguments.positives(rates, "rates")
    pyramid, classes = arguments.positive(pyramid, "pyramid"), arguments.positive(classes, "classes")
    image = keras.Input((height, breadth, channels), name="image")
    x = padded_to_multiple(image, arguments.choice(output_stride, "output_stride", (8, 16)))
    x, fine = _trunk(x, widths, output_stride)
    x = _pyramid(x, rates, pyramid)  # (n, h/stride, w/stride, pyramid)
    stride = output_stride
    if low_level:
        x = _decoded(x, fine, arguments.positive(low_level, "low_level"), pyramid)
        stride = DECODER_STRIDE
    x = layers.Dropout(arguments.rate(dropout, "dropout"), name="dropout")(x)
    x = layers.Conv2D(classes, 1, name="scores")(x)
    x = layers.UpSampling2D(stride, interpolation="bilinear", name="logits")(x)
    return keras.Model(image, cropped_to(x, (height, breadth)), name="deeplab")


def _trunk(x, filters, output_stride):
    """`(n, h, w, c)` to the last map and the last one of stride 4."""
    x, stride, dilation, fine = conv_bn_relu(x, filters[0], 3, strides=2, name="stem"), 2, 1, None
    for i in range(1, len(filters)):
        widens = filters[i] > filters[i - 1]
        halves = widens and stride < output_stride
        x = _separable(x, filters[i], strides=1 + halves, dilation=dilation, name=f"block{i}")
        stride, dilation = stride * (1 + halves), dilation * (1 + (widens and not halves))
        fine = x if stride == DECODER_STRIDE else fine
    if stride < output_stride:
        raise ValueError(
            f"filters={filters} widen too seldom for output_stride={output_stride}: the trunk's stride "
            f"is {stride}. Pass filters that grow more often, such as (16, 32, 64, 128)."
        )
    return x, fine


def _pyramid(x, rates, filters):
    """Atrous spatial pyramid pooling: `(n, h, w, c)` to `(n, h, w, filters)`."""
    branches = [conv_bn_relu(x, filters, 1, name="pyramid_point")]
    for i, rate in enumerate(rates, start=1):
        branches.append(_separable(x, filters, dilation=rate, name=f"pyramid_rate{i}"))
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="pyramid_image_pool")(x)
    whole = conv_bn_relu(whole, filters, 1, name="pyramid_image")
    branches.append(NearestUpsampling2D(x.shape[1:3], name="pyramid_image_spread")(whole))
    x = layers.Concatenate(name="pyramid_concat")(branches)
    return conv_bn_relu(x, filters, 1, name="pyramid")


def _decoded(x, fine, low_level, filters):
    """The pyramid's map, enlarged, with the trunk's fine one: `(n, h/4, w/4, filters)`."""
    factor = fine.shape[1] // x.shape[1]
    x = layers.UpSampling2D(factor, interpolation="bilinear", name="decoder_upsampling")(x)
    fine = conv_bn_relu(fine, low_level, 1, name="decoder_low_level")
    x = layers.Concatenate(name="decoder_concat")([x, fine])
    return _separable(x, filters, name="decoder")


def _separable(x, filters, *, strides=1, dilation=1, name):
    """An atrous separable convolution (version 3+, figure 3)."""
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        dilation_rate=dilation if strides == 1 else 1,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )(x)
    x = batch_norm(x, f"{name}_depthwise_bn")
    x = layers.ReLU(name=f"{name}_depthwise_relu")(x)
    return conv_bn_relu(x, filters, 1, name=f"{name}_pointwise")
