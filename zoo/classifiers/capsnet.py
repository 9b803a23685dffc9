"""The capsule network, without the decoder that regularises it in training.

Sabour, Frosst & Hinton, "Dynamic Routing Between Capsules", 2017, section 4 and figure 1,
https://arxiv.org/abs/1710.09829
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.capsules import CapsuleLengths, PrimaryCapsules, RoutingCapsules
from zoo.registry import architecture

KERNEL = 9
STEM = 256
PRIMARY = 32
OUTPUTS = ("logits", "lengths")


@architecture(smallest={"input_shape": (19, 19, 1), "classes": 4, "width": 0.0625, "iterations": 2})
def capsnet(input_shape=(28, 28, 1), classes=10, width=1.0, iterations=3, strides=(1, 2), output="logits"):
    """A 9 x 9 convolution, capsules of 8 numbers from another, and a capsule of 16 numbers a class.

    The length of a class's capsule is the probability that the class is there. The logits are
    `10 (length - 1/2)`: softmax cross-entropy trains them as any logits, and the paper's margin loss
    on the lengths is `MarginLoss(from_logits=True)` of `zoo.layers.margin_loss`.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output, `(n, classes)`.
        width: Multiplies the channels of the first convolution, 256, and the kinds of capsules, 32.
        iterations: Of the routing.
        strides: Of both convolutions, each the same along height and width; larger ones keep the
            number of capsules, and with it of parameters, small on large images.
        output: "logits", or "lengths" for `MarginLoss()`.

    6,804,224 parameters at the defaults.

    Raises:
        ValueError: The image is smaller than the windows of both convolutions.
    """
    shape, width = arguments.image_shape(input_shape), arguments.multiplier(width, "width")
    strides = arguments.pair(strides, "strides")
    arguments.choice(output, "output", OUTPUTS)
    _check_size(shape, strides)
    image = keras.Input(shape, name="image")
    filters, kinds = max(1, round(STEM * width)), max(1, round(PRIMARY * width))
    x = layers.Conv2D(
        filters, KERNEL, strides[0], activation="relu", kernel_initializer="he_normal", name="stem"
    )(image)  # (n, 20, 20, 256)
    x = PrimaryCapsules(kinds, 8, KERNEL, strides[1], name="primary")(x)  # (n, 1152, 8)
    classes = arguments.positive(classes, "classes")
    x = RoutingCapsules(classes, 16, iterations, name="digits")(x)  # (n, classes, 16)
    x = CapsuleLengths(as_logits=output == "logits", name=output)(x)
    return keras.Model(image, x, name="capsnet")


def _check_size(shape, strides):
    least = KERNEL + strides[0] * (KERNEL - 1)
    if min(shape[:2]) < least:
        raise ValueError(
            f"input_shape={shape!r} is smaller than two 9 x 9 windows with strides={strides}: expected "
            f"at least {least} x {least} pixels. Enlarge the images."
        )
