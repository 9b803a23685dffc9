"""Segmentation: a class for every pixel, scored by the overlap of what is there and what is named."""

import keras
import numpy as np

from recipes.tasks.classification import SmoothedCrossentropy

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "mean_iou", True, False
BARS = {"int8": (0.005, False), "float16": (0.001, False)}  # half a point; a tenth of a point


def loss(recipe):
    """Cross-entropy, the mean over pixels, with the recipe's label smoothing."""
    return SmoothedCrossentropy(recipe.label_smoothing)


def metrics():
    """Share of the pixels that get their class."""
    return [keras.metrics.SparseCategoricalAccuracy(name="pixel_accuracy")]


def score(predict, batches, context):
    """`mean_iou`, `pixel_accuracy` and `cross_entropy` in nats a pixel, over all pixels of all batches.

    The intersection over union of a class counts the pixels that are of it and are named so, over those
    that are either; the mean is over the classes that have such pixels (Everingham et al., "The Pascal
    Visual Object Classes Challenge: A Retrospective", 2015, section 4.1.3).
    """
    from scipy.special import log_softmax

    counts, nats = 0, 0.0
    for x, y in batches:
        logits = np.asarray(predict(x), np.float32)  # (n, h, w, classes)
        counts = counts + confusion(y, logits.argmax(-1), logits.shape[-1])
        log_p = np.take_along_axis(log_softmax(logits, axis=-1), y[..., None].astype(np.intp), axis=-1)
        nats -= log_p.sum(dtype=np.float64)
    return {
        "mean_iou": mean_iou(counts),
        "pixel_accuracy": float(np.trace(counts) / counts.sum()),
        "cross_entropy": float(nats / counts.sum()),
    }


def confusion(labels, guesses, classes):
    """Pixels of each class (rows) that were given each class (columns), `(classes, classes)`."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(np.ravel(labels), np.ravel(guesses), labels=range(classes))


def mean_iou(counts):
    """The mean intersection over union of the classes that occur in `counts`, a confusion matrix."""
    hits = np.diag(counts)
    unions = counts.sum(0) + counts.sum(1) - hits
    return float((hits[unions > 0] / unions[unions > 0]).mean())


def reference(model, context, metrics):
    """`commonest_class_mean_iou` and `commonest_class_pixel_accuracy`: one class named everywhere."""
    counts = np.bincount(np.ravel(context.data.test.y))
    share = float(counts.max() / counts.sum())
    return {
        "commonest_class_mean_iou": share / int((counts > 0).sum()),
        "commonest_class_pixel_accuracy": share,
    }


def signature_inputs(model, images, recipe):
    """The images, for the one signature there is."""
    return [images]


def draw(folder, context, model, predict):
    """Test images with their true and their predicted masks."""
    from recipes import plots

    test = context.data.test
    images = context.images(test.take(range(2 * plots.COLUMNS)))
    guesses = np.asarray(predict(images)).argmax(-1)
    masks = test.y[: len(images)]
    plots.segmentations(folder / "segmentations.png", images, masks, guesses, context.data.classes)
