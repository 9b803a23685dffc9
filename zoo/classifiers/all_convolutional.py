"""A classifier without any subsampling, so that it treats every place alike.

The layers are those of All-CNN-C of Springenberg, Dosovitskiy, Brox & Riedmiller, "Striving for
Simplicity: The All Convolutional Net", 2015, table 2, https://arxiv.org/abs/1412.6806. In the place
of a stride, all that follows is dilated: the maps are those that All-CNN-C would give at every shift
(Yu & Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2016, section 2,
https://arxiv.org/abs/1511.07122).
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.circular import CircularPadding2D
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.dense import pooled_logits
from zoo.layers.width import scaled_width
from zoo.registry import architecture

FILTERS = (96, 96, 96, 192, 192, 192, 192)
DILATIONS = (1, 1, 1, 2, 2, 2, 4)
STRIDED = (3, 6)  # the convolutions that have a stride of 2 in All-CNN-C
PADDINGS = ("same", "circular")


@architecture(smallest={"input_shape": (12, 12, 3), "classes": 4, "width": 0.1, "padding": "circular"})
def all_convolutional(input_shape=(32, 32, 3), classes=10, width=1.0, padding="same", dropout=0.0):
    """Seven 3 x 3 and one 1 x 1 convolution at full resolution, and the average over all pixels.

    With circular padding the logits don't change when an image is shifted circularly, by any number
    of pixels; with zeros around the image only the pixels near a border notice.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis; with circular padding at
            least 4 x 4 pixels.
        classes: Width of the output; the model returns logits `(n, classes)`.
        width: Multiplies the channels, rounded to multiples of 8.
        padding: "same" for zeros, "circular" for the opposite border.
        dropout: Fraction of the values to drop in training behind the third and the sixth
            convolution; published is 0.5.

    1,373,482 parameters at the defaults, batch-norm statistics included.
    """
    shape = arguments.image_shape(input_shape)
    width = arguments.multiplier(width, "width")
    arguments.choice(padding, "padding", PADDINGS)
    dropout = arguments.rate(dropout, "dropout")
    x = image = keras.Input(shape, name="image")
    for i, (filters, dilation) in enumerate(zip(FILTERS, DILATIONS, strict=True), start=1):
        x = _convolution(x, scaled_width(filters, width), dilation, padding, f"block{i}")  # (n, h, w, f)
        if i in STRIDED:
            x = layers.Dropout(dropout, name=f"block{i}_dropout")(x)
    x = conv_bn_relu(x, scaled_width(FILTERS[-1], width), 1, name="block8")
    x = pooled_logits(x, arguments.positive(classes, "classes"), 0.0)
    return keras.Model(image, x, name="all_convolutional")


def _convolution(x, filters, dilation, padding, name):
    if padding == "circular":
        x = CircularPadding2D(dilation, name=f"{name}_pad")(x)
        padding = "valid"
    return conv_bn_relu(x, filters, 3, dilation_rate=dilation, padding=padding, name=name)
