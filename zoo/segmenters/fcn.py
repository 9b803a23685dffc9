"""A fully convolutional network: a classifier's scores everywhere, made finer by earlier layers.

Long, Shelhamer & Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015,
section 4 and figure 3, https://arxiv.org/abs/1411.4038, on the trunk of Simonyan & Zisserman, "Very
Deep Convolutional Networks for Large-Scale Image Recognition", 2014, https://arxiv.org/abs/1409.1556
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.bilinear import BilinearKernel
from zoo.layers.borders import cropped_to, padded_to_multiple
from zoo.layers.convolution import conv_bn_relu
from zoo.registry import architecture

UPSAMPLING = ("deconvolution", "resize")
POOLINGS = 5


@architecture(smallest={"input_shape": (32, 32, 1), "classes": 3, "width": 4, "hidden": 8, "dropout": 0.1})
def fcn(
    input_shape=(64, 64, 1),
    classes=11,
    stride=8,
    width=16,
    convolutions=(1, 1, 2, 2, 2),
    hidden=128,
    hidden_kernel=3,
    upsampling="deconvolution",
    dropout=0.0,
):
    """VGG's blocks and two convolutions in the place of its dense layers, then fused upsampling.

    The scores at stride 32 are doubled and added to scores of the fourth pooling (FCN-16s), then
    of the third (FCN-8s); the sum is enlarged to the image. FCN-8s of the paper, on VGG-16, is
    `fcn((224, 224, 3), 21, 8, 64, (2, 2, 3, 3, 3), 4096, 7)`; normalisation is added here, and the
    last enlargement is learned too.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis; zeros make up what is
            missing to a multiple of 32.
        classes: The model returns logits `(n, height, width, classes)`.
        stride: 32, 16 or 8, of the finest scores: FCN-32s, FCN-16s or FCN-8s.
        width: Channels of the first block; they double up to eight times that.
        convolutions: 3 x 3 convolutions of each of the five blocks, which end in max pooling.
        hidden: Channels of the two convolutions behind the blocks.
        hidden_kernel: Side of the first of them.
        upsampling: "deconvolution" for transposed convolutions that start as bilinear
            interpolation, "resize" for bilinear enlargement and then a 3 x 3 convolution.
        dropout: Fraction to drop in training behind each of the two hidden convolutions.

    782,161 parameters at the defaults, batch-norm statistics included.
    """
    height, breadth, channels = arguments.image_shape(input_shape)
    arguments.choice(stride, "stride", (32, 16, 8))
    arguments.choice(upsampling, "upsampling", UPSAMPLING)
    classes = arguments.positive(classes, "classes")
    image = keras.Input((height, breadth, channels), name="image")
    x, pooled = padded_to_multiple(image, 2**POOLINGS), {}
    for i, count in enumerate(_five(convolutions), start=1):
        x = _block(x, arguments.positive(width, "width") * min(2 ** (i - 1), 8), count, name=f"block{i}")
        pooled[2**i] = x
    x = _hidden(x, arguments.positive(hidden, "hidden"), hidden_kernel, arguments.rate(dropout, "dropout"))
    x = layers.Conv2D(classes, 1, name="score32")(x)  # (n, h/32, w/32, classes)
    for finer in (16, 8):
        if finer >= stride:
            x = _enlarged(x, 2, upsampling, name=f"up{finer}")
            skip = layers.Conv2D(classes, 1, name=f"score{finer}")(pooled[finer])
            x = layers.Add(name=f"fuse{finer}")([x, skip])
    x = _enlarged(x, stride, upsampling, name="logits")
    return keras.Model(image, cropped_to(x, (height, breadth)), name="fcn")


def _five(convolutions):
    counts = arguments.positives(convolutions, "convolutions")
    if len(counts) != POOLINGS:
        raise ValueError(
            f"convolutions={counts}: expected five numbers, one a block, since five poolings make "
            "the stride of 32. Pass convolutions=(2, 2, 3, 3, 3) for VGG-16."
        )
    return counts


def _block(x, filters, convolutions, name):
    """`(n, h, w, c)` to `(n, h/2, w/2, filters)`."""
    for i in range(1, convolutions + 1):
        x = conv_bn_relu(x, filters, 3, name=f"{name}_{i}")
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def _hidden(x, filters, kernel_size, dropout):
    """The dense layers as convolutions: `(n, h, w, c)` to `(n, h, w, filters)`."""
    for i, size in enumerate((arguments.positive(kernel_size, "hidden_kernel"), 1), start=6):
        x = conv_bn_relu(x, filters, size, name=f"fc{i}")
        x = layers.Dropout(dropout, name=f"fc{i}_dropout")(x)
    return x


def _enlarged(x, factor, upsampling, name):
    """`(n, h, w, c)` to `(n, factor h, factor w, c)`; the last layer is `{name}`."""
    classes = x.shape[-1]
    if upsampling == "deconvolution":
        return layers.Conv2DTranspose(
            classes,
            2 * factor,
            strides=factor,
            padding="same",
            use_bias=False,
            kernel_initializer=BilinearKernel(),
            name=name,
        )(x)
    x = layers.UpSampling2D(factor, interpolation="bilinear", name=f"{name}_upsampling")(x)
    return layers.Conv2D(classes, 3, padding="same", name=name)(x)
