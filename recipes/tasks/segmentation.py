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
        counts = counts + confusions(y, logits).sum(0)
        log_p = np.take_along_axis(log_softmax(logits, axis=-1), y[..., None].astype(np.intp), axis=-1)
        nats -= log_p.sum(dtype=np.float64)
    return {
        "mean_iou": float(mean_iou(counts)),
        "pixel_accuracy": float(np.trace(counts) / counts.sum()),
        "cross_entropy": float(nats / counts.sum()),
    }


def per_example(predict, batches, context):
    """The confusion matrix of each image, `(n, classes, classes)`."""
    return np.concatenate([confusions(y, np.asarray(predict(x), np.float32)) for x, y in batches])


def resampled(values, counts):
    """`mean_iou` and `pixel_accuracy` over all pixels of a resample's images."""
    n, classes, _ = values.shape
    matrices = (counts @ values.reshape(n, -1)).reshape(-1, classes, classes)
    hits = np.trace(matrices, axis1=1, axis2=2)
    return {"mean_iou": mean_iou(matrices), "pixel_accuracy": hits / matrices.sum((1, 2))}


def confusions(labels, logits):
    """Of each image how many pixels of each class (rows) are given each class (columns).

    Args:
        labels: `(n, h, w)`.
        logits: `(n, h, w, classes)`.

    Returns:
        `(n, classes, classes)`.
    """
    n, classes = len(logits), logits.shape[-1]
    pairs = (labels.astype(np.int64) * classes + logits.argmax(-1)).reshape(n, -1)
    places = pairs + np.arange(n)[:, None] * classes**2
    return np.bincount(places.ravel(), minlength=n * classes**2).reshape(n, classes, classes)


def mean_iou(counts):
    """The mean intersection over union of the classes that occur in confusion matrices `(..., classes, classes)`."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    unions = counts.sum(-2) + counts.sum(-1) - hits
    shares = hits / np.where(unions > 0, unions, 1)
    return shares.sum(-1) / (unions > 0).sum(-1)


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
