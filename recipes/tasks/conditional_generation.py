"""Generation of images of a class that is asked for: bounds of −log p(x | label), in nats an image.

As `recipes.tasks.generation`, with a model whose parts all take the label.
"""

import numpy as np

from recipes.tasks import generation
from recipes.tasks.generation import (
    BARS,
    HEADLINE,
    HIGHER_IS_BETTER,
    RECONSTRUCTS,
    SIGNATURES,
    loss,
    metrics,
    reference,
)

__all__ = [
    "BARS",
    "HEADLINE",
    "HIGHER_IS_BETTER",
    "RECONSTRUCTS",
    "SIGNATURES",
    "loss",
    "metrics",
    "reference",
]

CONDITIONAL = True


def score(predict, batches, context):
    """The measures of `generation.score`, given the labels."""
    return generation.score(predict, batches, context, conditional=True)


def per_example(predict, batches, context):
    """The measure of `generation.per_example`, given the labels."""
    return generation.per_example(predict, batches, context, conditional=True)


def signature_inputs(model, images, recipe):
    """As of `generation`; `images` are `{"image": …, "label": …}`, and each label goes with its code."""
    return generation.signature_inputs(model, images["image"], recipe, {"label": images["label"]})


def draw(folder, context, model, predict):
    """Test images with their reconstructions, samples a class, and walks from image to image of a class."""
    from recipes import plots
    from recipes.drawings import walk

    given = context.images(context.data.test.take(range(2 * plots.COLUMNS)))
    plots.reconstructions(folder / "reconstructions.png", given["image"], np.asarray(predict(given)))
    pairs = walk.first_of_each_class(context.data.test.y)
    labels = np.repeat(context.data.test.y[pairs[:, 0]], plots.COLUMNS).astype(np.int32)
    noise = np.random.default_rng(generation.NOISE_SEED).standard_normal((plots.COLUMNS, model.noise))
    noise = np.tile(noise, (len(pairs), 1)).astype(np.float32)
    pictures = np.asarray(predict({"noise": noise, "label": labels}, "sample"))
    title = "Samples: a class a row, a code a column"
    plots.save(plots.grid(pictures, title), folder / "samples.png")
    walk.draw(folder / "walk.png", context, model, predict, pairs)
