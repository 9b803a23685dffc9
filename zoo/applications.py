"""The architectures of `keras.applications`, adopted: untrained, with this package's conventions.

    model = zoo.create("keras/EfficientNetB0", input_shape=(64, 64, 3), classes=10)

They take images in `[0, 1]` and return logits. Keras's networks want their images in other ranges,
so a `Rescaling` layer named `rescaled` goes in front: to `[-1, 1]`, or to `[0, 255]` for the
EfficientNets of 2019, which divide by 255 themselves. Names of layers are those Keras gives, and
those that Keras makes up (`activation_3`) depend on what was built before.

Importing this module loads no Keras.
"""

import functools
import inspect
import typing

from zoo import arguments

PREFIX = "keras/"


class Sides(typing.NamedTuple):
    """Height and width of square images: the smallest that a network takes, and the published ones."""

    smallest: int
    published: int


APPLICATIONS = {
    "ConvNeXtBase": Sides(32, 224),
    "ConvNeXtLarge": Sides(32, 224),
    "ConvNeXtSmall": Sides(32, 224),
    "ConvNeXtTiny": Sides(32, 224),
    "ConvNeXtXLarge": Sides(32, 224),
    "DenseNet121": Sides(32, 224),
    "DenseNet169": Sides(32, 224),
    "DenseNet201": Sides(32, 224),
    "EfficientNetB0": Sides(32, 224),
    "EfficientNetB1": Sides(32, 240),
    "EfficientNetB2": Sides(32, 260),
    "EfficientNetB3": Sides(32, 300),
    "EfficientNetB4": Sides(32, 380),
    "EfficientNetB5": Sides(32, 456),
    "EfficientNetB6": Sides(32, 528),
    "EfficientNetB7": Sides(32, 600),
    "EfficientNetV2B0": Sides(32, 224),
    "EfficientNetV2B1": Sides(32, 240),
    "EfficientNetV2B2": Sides(32, 260),
    "EfficientNetV2B3": Sides(32, 300),
    "EfficientNetV2L": Sides(32, 480),
    "EfficientNetV2M": Sides(32, 480),
    "EfficientNetV2S": Sides(32, 384),
    "InceptionResNetV2": Sides(75, 299),
    "InceptionV3": Sides(75, 299),
    "MobileNet": Sides(32, 224),
    "MobileNetV2": Sides(32, 224),
    "MobileNetV3Large": Sides(32, 224),
    "MobileNetV3Small": Sides(32, 224),
    "NASNetLarge": Sides(32, 331),
    "NASNetMobile": Sides(32, 224),
    "ResNet101": Sides(32, 224),
    "ResNet101V2": Sides(32, 224),
    "ResNet152": Sides(32, 224),
    "ResNet152V2": Sides(32, 224),
    "ResNet50": Sides(32, 224),
    "ResNet50V2": Sides(32, 224),
    "VGG16": Sides(32, 224),
    "VGG19": Sides(32, 224),
    "Xception": Sides(71, 299),
}
NAMES = tuple(PREFIX + name for name in APPLICATIONS)
DOCUMENTATION = """{name} of `keras.applications`, untrained.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis; at least
            {smallest} x {smallest} pixels.
        classes: Width of the output; the model returns logits `(n, classes)`.
    """


@functools.cache
def adopted(name):
    """The function that builds the architecture `name`, one of `NAMES`."""
    name = name.removeprefix(PREFIX)
    sides = APPLICATIONS[name]

    def application(input_shape=(sides.published, sides.published, 3), classes=1000):
        return _built(name, _shape(name, input_shape), arguments.positive(classes, "classes"))

    application.__name__ = application.__qualname__ = name
    application.__doc__ = DOCUMENTATION.format(name=name, smallest=sides.smallest)
    application.is_architecture = True
    application.smallest = {"input_shape": (sides.smallest, sides.smallest, 3), "classes": 10}
    return application


def _shape(name, input_shape):
    shape, smallest = arguments.image_shape(input_shape), APPLICATIONS[name].smallest
    if min(shape[:2]) < smallest:
        possible = (max(shape[0], smallest), max(shape[1], smallest), shape[2])
        raise ValueError(
            f"input_shape={shape}: {name} takes images of at least {smallest} x {smallest} pixels. "
            f"Pass input_shape={possible}, and resize the images."
        )
    return shape


def _built(name, shape, classes):
    import keras

    function = getattr(keras.applications, name)
    scale, offset = (255.0, 0.0) if name.startswith("EfficientNetB") else (2.0, -1.0)
    switchable = "include_preprocessing" in inspect.signature(function).parameters
    image = keras.Input(shape, name="image")
    network = function(
        weights=None,
        input_tensor=keras.layers.Rescaling(scale, offset, name="rescaled")(image),
        input_shape=shape,
        classes=classes,
        classifier_activation=None,
        **({"include_preprocessing": False} if switchable else {}),
    )
    # Keras takes a given tensor as a list of inputs, and then warns at every call with one array.
    return keras.Model(image, network.output, name=name)
