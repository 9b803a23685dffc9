"""U-Net: a path down that sees far, a path up that places exactly, and bridges between them.

Ronneberger, Fischer & Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
2015, section 2 and figure 1, https://arxiv.org/abs/1505.04597
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.borders import cropped_to, padded_to_multiple
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.resize import NearestUpsampling2D
from zoo.registry import architecture

UPSAMPLING = ("deconvolution", "resize")


@architecture(smallest={"input_shape": (18, 16, 1), "classes": 3, "width": 4, "depth": 2, "dropout": 0.1})
def unet(input_shape=(64, 64, 1), classes=11, width=16, depth=3, upsampling="deconvolution", dropout=0.0):
    """Two 3 x 3 convolutions a level, max pooling down, 2 x 2 up-convolutions and concatenation up.

    The published net has width 64 and depth 4. Its convolutions are unpadded, so that its output is
    smaller than its input; here all are padded, and normalised.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis; zeros make up what is
            missing to a multiple of `2 ** depth`.
        classes: The model returns logits `(n, height, width, classes)`.
        width: Channels of the first level; each further one has twice as many.
        depth: Poolings.
        upsampling: "deconvolution" for a transposed 2 x 2 convolution, "resize" for a
            nearest-neighbour enlargement and then a 2 x 2 convolution, which leaves no checkerboard.
        dropout: Fraction to drop in training at the end of the path down.

    484,027 parameters at the defaults, batch-norm statistics included.
    """
    height, breadth, channels = arguments.image_shape(input_shape)
    width, depth = arguments.positive(width, "width"), arguments.positive(depth, "depth")
    arguments.choice(upsampling, "upsampling", UPSAMPLING)
    image = keras.Input((height, breadth, channels), name="image")
    x, bridges = padded_to_multiple(image, 2**depth), []
    for level in range(1, depth + 1):
        x = _twice(x, width * 2 ** (level - 1), name=f"down{level}")
        bridges.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}_pool")(x)
    x = _twice(x, width * 2**depth, name="bottom")  # (n, h / 2**depth, w / 2**depth, ...)
    x = layers.Dropout(arguments.rate(dropout, "dropout"), name="dropout")(x)
    for level in range(depth, 0, -1):
        x = _enlarged(x, width * 2 ** (level - 1), upsampling, name=f"up{level}")
        x = layers.Concatenate(name=f"up{level}_bridge")([bridges[level - 1], x])
        x = _twice(x, width * 2 ** (level - 1), name=f"up{level}")
    x = layers.Conv2D(arguments.positive(classes, "classes"), 1, name="logits")(x)
    return keras.Model(image, cropped_to(x, (height, breadth)), name="unet")


def _twice(x, filters, name):
    """`(n, h, w, c)` to `(n, h, w, filters)`."""
    x = conv_bn_relu(x, filters, 3, name=f"{name}_first")
    return conv_bn_relu(x, filters, 3, name=f"{name}_second")


def _enlarged(x, filters, upsampling, name):
    """`(n, h, w, c)` to `(n, 2h, 2w, filters)`."""
    if upsampling == "deconvolution":
        return layers.Conv2DTranspose(filters, 2, strides=2, name=f"{name}_deconv")(x)
    x = NearestUpsampling2D(2, name=f"{name}_upsampling")(x)
    return layers.Conv2D(filters, 2, padding="same", name=f"{name}_conv")(x)
