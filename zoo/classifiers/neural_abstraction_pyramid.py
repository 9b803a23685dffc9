"""The Neural Abstraction Pyramid: a recurrent network of convolutions in three directions.

Behnke, "Hierarchical Neural Networks for Image Interpretation", LNCS 2766, 2003, chapter 4
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.dense import pooled_logits
from zoo.registry import architecture


@architecture(smallest={"input_shape": (12, 12, 1), "filters": (4, 6), "iterations": 4})
def neural_abstraction_pyramid(
    input_shape=(28, 28, 1), classes=10, filters=(8, 16, 32), iterations=6, dropout=0.0
):
    """A pyramid of levels, each half as fine as the one below, that settles in several iterations.

    In each iteration every level is computed anew from what the level below (forward), the level
    itself (lateral) and the level above (backward) held before it; the image is clamped below the
    first. All iterations share their weights, and a level joins in when the level below it holds
    something. A dense layer reads the means of the top level's maps after the last iteration.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: Width of the output; the model returns logits `(n, classes)`.
        filters: Maps of each level, from the finest to the coarsest.
        iterations: At least two more than levels, or feedback from the top would not matter.
        dropout: Fraction of the top's means to drop in training.

    33,090 parameters at the defaults.
    """
    widths = arguments.positives(filters, "filters")
    iterations = _checked_iterations(iterations, len(widths))
    classes, dropout = arguments.positive(classes, "classes"), arguments.rate(dropout, "dropout")
    image = keras.Input(arguments.image_shape(input_shape), name="image")
    pyramid = [_Level(i, width, i == len(widths)) for i, width in enumerate(widths, start=1)]
    states = [image]  # of the image and of every level that holds something
    for step in range(1, iterations + 1):
        awake = pyramid[: len(states)]
        states = [image, *(level.updated(states, step) for level in awake)]
    return keras.Model(image, pooled_logits(states[-1], classes, dropout), name="neural_abstraction_pyramid")


class _Level:
    """The shared projections onto one level."""

    def __init__(self, index, width, is_top):
        name = f"level{index}"
        self.index, self.name = index, name
        options = {"filters": width, "padding": "same"}
        self.forward = layers.Conv2D(kernel_size=4, strides=2, **options, name=f"{name}_forward")
        self.lateral = layers.Conv2D(kernel_size=3, use_bias=False, **options, name=f"{name}_lateral")
        self.backward = (
            None
            if is_top
            else layers.Conv2DTranspose(
                kernel_size=4, strides=2, use_bias=False, **options, name=f"{name}_backward"
            )
        )

    def updated(self, states, step):
        """This level after an iteration, `(n, h / 2^index, w / 2^index, width)`."""
        name = f"step{step}_{self.name}"
        projections = [self.forward(states[self.index - 1])]
        if len(states) > self.index:
            projections.append(self.lateral(states[self.index]))
        if len(states) > self.index + 1:
            above = self.backward(states[self.index + 1])
            projections.append(_cropped(above, projections[0].shape, f"{name}_crop"))
        x = layers.Add(name=f"{name}_sum")(projections) if len(projections) > 1 else projections[0]
        return layers.Activation("tanh", name=f"{name}_tanh")(x)


def _cropped(x, shape, name):
    """`x` without the last row or column where an odd size was doubled from its rounded-up half."""
    excess = [(0, given - wanted) for given, wanted in zip(x.shape[1:3], shape[1:3], strict=True)]
    return layers.Cropping2D(excess, name=name)(x) if excess != [(0, 0), (0, 0)] else x


def _checked_iterations(iterations, levels):
    if arguments.positive(iterations, "iterations") < levels + 2:
        raise ValueError(
            f"iterations={iterations!r}: expected at least {levels + 2}, since the image takes {levels} to "
            "reach the top and what the top holds two more to come back to it. "
            f"Pass iterations={levels + 2} or fewer filters."
        )
    return iterations
