"""The context module: class scores made consistent over a wide view, at full resolution.

Yu & Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2016, sections 3 and 4 and
table 1, https://arxiv.org/abs/1511.07122
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.borders import cropped_to, padded_to_multiple
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.identity import IdentityKernel
from zoo.registry import architecture

DILATIONS = (1, 1, 2, 4, 8, 16, 1)  # of the 3 x 3 layers; the last layer is 1 x 1
WIDTHS = {"basic": (1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32)}  # in units of the classes
INITIALIZATIONS = ("identity", "random")
NOISE = 0.01  # of the large module, well below its smallest copied weight of 1/32


@architecture(smallest={"input_shape": (16, 16, 1), "classes": 3, "filters": (4, 8, 8), "output_stride": 4})
def context_module(
    input_shape=(64, 64, 1),
    classes=11,
    module="basic",
    filters=(16, 32, 64, 64),
    output_stride=4,
    initialization="identity",
):
    """A small front end to one map a class, the context module, bilinear enlargement.

    The module's eight layers see 67 x 67 positions of the front end's scores. As in the paper they
    have no normalisation: they start as the identity and are learned from there.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis; zeros make up what is
            missing to a multiple of `output_stride`.
        classes: The model returns logits `(n, height, width, classes)`.
        module: "basic", of as many maps as classes, or "large", of up to 32 times as many.
        filters: Channels of the front end's convolutions. Each would halve the resolution; behind
            `output_stride` the dilation of those that follow doubles in its place (section 4).
        output_stride: 1, 2, 4 or 8: how much smaller than the image the scores are.
        initialization: "identity" (equations 4 and 5) or "random".

    69,299 parameters at the defaults, batch-norm statistics included.
    """
    height, breadth, channels = arguments.image_shape(input_shape)
    classes = arguments.positive(classes, "classes")
    arguments.choice(module, "module", tuple(WIDTHS))
    arguments.choice(initialization, "initialization", INITIALIZATIONS)
    image = keras.Input((height, breadth, channels), name="image")
    x = padded_to_multiple(image, arguments.choice(output_stride, "output_stride", (1, 2, 4, 8)))
    x = _front_end(x, arguments.positives(filters, "filters"), output_stride)
    # Shifted up, so that the ReLUs behind pass every class on; (n, h/stride, w/stride, classes).
    x = layers.Conv2D(classes, 1, bias_initializer="ones", name="front_scores")(x)
    x = _context(x, module, initialization)
    x = layers.UpSampling2D(output_stride, interpolation="bilinear", name="logits")(x)
    return keras.Model(image, cropped_to(x, (height, breadth)), name="context_module")


def _front_end(x, filters, output_stride):
    """`(n, h, w, c)` to `(n, h/stride, w/stride, filters[-1])`."""
    stride = dilation = 1
    for i, width in enumerate(filters, start=1):
        halves = stride < output_stride
        x = conv_bn_relu(x, width, 3, strides=1 + halves, dilation_rate=dilation, name=f"front{i}")
        stride, dilation = stride * (1 + halves), dilation * (2 - halves)
    if stride < output_stride:
        raise ValueError(
            f"filters={filters} halve the resolution {len(filters)} times, which is short of "
            f"output_stride={output_stride}. Pass more filters or output_stride={stride}."
        )
    return x


def _context(x, module, initialization):
    """Table 1: `(n, h, w, classes)` to the same shape."""
    classes = x.shape[-1]
    for i, (width, dilation) in enumerate(zip(WIDTHS[module], DILATIONS, strict=True), start=1):
        x = layers.Conv2D(
            width * classes,
            3,
            padding="same",
            dilation_rate=dilation,
            activation="relu",
            kernel_initializer=_kernel(classes, module, initialization),
            name=f"context{i}",
        )(x)
    last = _kernel(classes, module, initialization)
    return layers.Conv2D(classes, 1, kernel_initializer=last, name="context8")(x)


def _kernel(classes, module, initialization):
    if initialization == "random":
        return "he_normal"
    return IdentityKernel(classes, deviation=NOISE if module == "large" else 0.0)
