"""Anomaly detection: what a model of ordinary examples reconstructs badly is out of the ordinary.

A model learns to reconstruct the examples of every class but one; an example is judged by its squared
reconstruction error, as in Sakurada and Yairi, "Anomaly Detection Using Autoencoders with Nonlinear
Dimensionality Reduction", 2014, https://doi.org/10.1145/2689746.2689747. Examples of the class that was
left out (`features.left_out`) are the anomalies of the test split.
"""

import numpy as np

from recipes.errors import RecipeError
from recipes.tasks.reconstruction import SquaredErrorPerImage, squared_errors

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "roc_auc", True, True
BARS = {"int8": (0.005, False), "float16": (0.001, False)}
SIGNATURES = ("reconstruct",)
_BATCH = 256


def loss(recipe):
    """Squared error per example, summed over all it consists of."""
    return SquaredErrorPerImage()


def metrics():
    """None: whatever is held back from training is ordinary too."""
    return []


def left_out(recipe, data):
    """Number of the class that is not learnt.

    Raises:
        RecipeError: `features.left_out` names none of the data's classes, or each pixel has a class.
    """
    name, classes = recipe.features.left_out, data.classes
    if data.per_pixel:
        raise RecipeError(
            f"data={recipe.data} has a class a pixel, and task=anomaly leaves out one of the classes of whole "
            "examples: give other data"
        )
    if name == "seed":
        return recipe.seed % len(classes)
    if name not in classes:
        given = " is not given" if name == "none" else f"={name}: {recipe.data} has no such class"
        raise RecipeError(
            f"features.left_out{given}; task=anomaly needs the class that is not learnt. "
            f"Possible: {', '.join(classes)}, or `seed` for a class by the recipe's seed"
        )
    return classes.index(name)


def learnt(recipe, data):
    """Indices of the training split without the class that is left out."""
    return np.flatnonzero(np.asarray(data.train.y) != left_out(recipe, data))


def score(predict, batches, context):
    """`roc_auc` and `average_precision` of the errors, and a threshold that can be used.

    `threshold` is the error that `evaluation.false_positive_rate` of the validation examples, all of them
    ordinary, exceed. `true_positive_rate` and `false_positive_rate` are the shares of the test split's
    anomalies and of its ordinary examples that exceed it.
    """
    return measures(*judged(predict, batches, context), threshold(predict, context))


def judged(predict, batches, context):
    """The error of each example, `(n,)`, and whether it is an anomaly, `(n,)`."""
    number = left_out(context.recipe, context.data)
    pairs = [(errors_of(context.recipe, x, predict(x)), np.asarray(y) == number) for x, y in batches]
    errors, anomalous = zip(*pairs, strict=True)
    return np.concatenate(errors), np.concatenate(anomalous)


def per_example(predict, batches, context):
    """The error of each example, and 1 for an anomaly, 0 for an ordinary one: `(n, 2)`."""
    return np.stack(judged(predict, batches, context), axis=1).astype(np.float64)


def resampled(values, counts):
    """`roc_auc`: of pairs of an anomaly and an ordinary example, the share where the anomaly's error is greater.

    Pairs of equal errors count half (Hanley and McNeil, "The Meaning and Use of the Area under a Receiver
    Operating Characteristic (ROC) Curve", 1982).
    """
    errors, anomalous = values.T
    anomalies, ordinary = np.flatnonzero(anomalous), np.flatnonzero(1 - anomalous)
    ordinary = ordinary[np.argsort(errors[ordinary], kind="stable")]
    drawn = np.cumsum(counts[:, ordinary], axis=1)
    drawn = np.pad(drawn, ((0, 0), (1, 0)))  # how many of the first 0, 1, … ordinary ones
    ends = [np.searchsorted(errors[ordinary], errors[anomalies], side) for side in ("left", "right")]
    smaller = sum(drawn[:, end] for end in ends) / 2  # (resamples, anomalies)
    pairs = counts[:, anomalies].sum(1) * drawn[:, -1]
    with np.errstate(invalid="ignore"):  # without a pair it is not defined
        return {"roc_auc": (counts[:, anomalies] * smaller).sum(1) / pairs}


def errors_of(recipe, examples, rebuilt):
    """What examples `(n, ...)` are judged by, `(n,)`: see `evaluation.anomaly_error`."""
    errors = squared_errors(examples, np.asarray(rebuilt, np.float32))
    if recipe.evaluation.anomaly_error == "squared":
        return errors
    squares = squared_errors(examples, np.zeros_like(examples))
    return errors / np.maximum(squares, np.finfo(np.float32).tiny)  # an empty example stays finite


def threshold(predict, context):
    """The least error of a validation example that at most the stated share of them exceeds."""
    images = context.images(context.validation)
    parts = [images[i : i + _BATCH] for i in range(0, len(images), _BATCH)]
    errors = np.concatenate([errors_of(context.recipe, part, predict(part)) for part in parts])
    rate = context.recipe.evaluation.false_positive_rate
    return float(np.quantile(errors, 1 - rate, method="inverted_cdf"))


def measures(errors, anomalous, limit):
    """The dict that `score` gives.

    Raises:
        RecipeError: All examples are anomalies, or none is.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if anomalous.all() or not anomalous.any():
        raise RecipeError(
            f"{anomalous.sum()} of {len(anomalous)} test examples are of the class that was left out; "
            "ordinary examples and anomalies are both needed"
        )
    reported = errors > limit
    return {
        "roc_auc": float(roc_auc_score(anomalous, errors)),
        "average_precision": float(average_precision_score(anomalous, errors)),
        "threshold": limit,
        "true_positive_rate": float(reported[anomalous].mean()),
        "false_positive_rate": float(reported[~anomalous].mean()),
    }


def reference(model, context, metrics):
    """`pca_roc_auc`: errors through as many principal components of the learnt examples as the code has.

    `share_of_anomalies` in the test split is the average precision of a detector that guesses.
    """
    from sklearn.decomposition import PCA
    from sklearn.metrics import roc_auc_score

    learnt, test = (
        (images := context.images(subset)).reshape(len(images), -1)
        for subset in (context.train, context.data.test.take(range(len(context.data.test.y))))
    )
    pca = PCA(min(_code_size(model), *learnt.shape), random_state=0).fit(learnt)
    errors = errors_of(context.recipe, test, pca.inverse_transform(pca.transform(test)))
    anomalous = np.asarray(context.data.test.y) == left_out(context.recipe, context.data)
    return {
        "pca_roc_auc": float(roc_auc_score(anomalous, errors)),
        "share_of_anomalies": float(anomalous.mean()),
    }


def _code_size(model):
    """Numbers in a code; of a distribution's parameters the first count."""
    import keras

    return int(np.prod(keras.tree.flatten(model.encoder.output)[0].shape[1:]))


def signature_inputs(model, images, recipe):
    """Images for `reconstruct` and `encode`, codes for `decode`, and noise where the model draws samples."""
    from recipes.tasks import generation, reconstruction

    task = generation if "sample" in model.signatures else reconstruction
    return task.signature_inputs(model, images, recipe)


def draw(folder, context, model, predict):
    """Errors with the threshold, the ROC curve, the worst ordinary examples and the best-hidden anomalies."""
    from recipes.data.feeding import test_batches
    from recipes.drawings import anomalies

    errors, anomalous = judged(predict, test_batches(context.recipe, context.data), context)
    limit = threshold(predict, context)
    anomalies.errors(folder / "errors.png", errors, anomalous, limit)
    anomalies.roc(folder / "roc.png", errors, anomalous, limit)
    order = np.argsort(errors)
    ordinary, hidden = order[~anomalous[order]][::-1], order[anomalous[order]]

    def shown(indices):
        images = context.images(context.data.test.take(indices[: anomalies.SHOWN]))
        return images, np.asarray(predict(images)), errors[indices[: anomalies.SHOWN]]

    anomalies.hardest(folder / "hardest.png", shown(ordinary), shown(hidden))
