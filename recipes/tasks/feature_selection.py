"""Feature selection: what a few pixels tell of all the others, and of what an image shows.

After Abid, Balin and Zou, "Concrete Autoencoders", 2019, section 4, https://arxiv.org/abs/1901.09346: the
classifier is one of extremely randomised trees, and pixels that were chosen otherwise are compared by
what a linear regression makes of them.
"""

import math

import numpy as np

from recipes.errors import RecipeError
from recipes.tasks import reconstruction

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "accuracy", True, True
BARS = {"int8": (0.005, False), "float16": (0.001, False)}  # half a point; a tenth of a point
_TREES = 50
_DRAWS = 3  # of random pixels
_SEED = 0  # of trees and draws, so that every file meets the same classifier


def loss(recipe):
    """Squared error per image."""
    return reconstruction.loss(recipe)


def metrics():
    """None beside the loss."""
    return []


def score(predict, batches, context):
    """What the chosen pixels are worth.

    Returns:
        `accuracy` of a classifier that learnt the training images' values at the chosen pixels and is
        asked about those that `predict` gives for the test images; `squared_error` per image of the
        reconstruction; `selected`, how many different pixels were chosen.
    """
    places, classifier = _fitted(predict, context)
    labels, values, errors = [], [], []
    for x, y in batches:
        labels.append(y)
        values.append(np.asarray(predict(x, "encode"), np.float32))
        difference = (np.asarray(predict(x), np.float32) - x).astype(np.float64)
        errors.append(np.square(difference).reshape(len(x), -1).sum(1))
    return {
        "accuracy": float(classifier.score(np.concatenate(values), np.concatenate(labels))),
        "squared_error": float(np.concatenate(errors).mean()),
        "selected": float(len(set(places))),
    }


def per_example(predict, batches, context):
    """1 where the classifier of `score` finds an example's class, else 0: `(n,)`."""
    _, classifier = _fitted(predict, context)
    found = [classifier.predict(np.asarray(predict(x, "encode"), np.float32)) == y for x, y in batches]
    return np.concatenate(found).astype(np.float64)


def _fitted(predict, context):
    """The chosen places, and a classifier that learnt the training images' values there."""
    places = chosen_features(predict, context.data.shape)
    return places, _trees().fit(_flat(context, context.train)[:, places], _labels(context.train))


def chosen_features(predict, shape):
    """Which value of a flattened image each number of the code is, read off `predict` itself.

    The digits of every value's place, written in twos, are shown as images of zeros and ones.

    Args:
        predict: `predict(batch, signature)` of a model or a file.
        shape: Of an image.

    Returns:
        Integers `(k,)`.

    Raises:
        RecipeError: The code is not made of values of the image.
    """
    size = math.prod(shape)
    digits = np.arange(size)[None] >> np.arange(max(1, (size - 1).bit_length()))[:, None] & 1
    code = np.asarray(predict(digits.reshape(-1, *shape).astype(np.float32), "encode"))  # (digits, k)
    read = np.rint(code)
    if code.ndim != 2 or not np.isin(read, (0, 1)).all() or np.abs(code - read).max() > 0.1:
        raise RecipeError(
            "task=feature_selection needs a model whose code is some of the image's own pixels, and this "
            "one's is not: give model=concrete_autoencoder, or another task"
        )
    return (read.astype(np.int64) << np.arange(len(digits))[:, None]).sum(0)


def reference(model, context, metrics):
    """Other choices of as many pixels, and all of them.

    Returns:
        `mean_max_probability`, how far the choice was settled in training (1: wholly);
        `linear_squared_error` of a linear regression from the chosen pixels; that and the
        classifier's accuracy for the pixels of highest variance (`variance_…`) and for random ones
        (`random_…`, the mean of a few draws); `all_pixels_accuracy`.
    """
    train, test = (_flat(context, subset) for subset in (context.train, _whole(context.data.test)))
    labels = _labels(context.train), np.asarray(context.data.test.y)
    places = model.selected_features
    highest = np.argsort(-train.var(0), kind="stable")[: len(places)]
    rng = np.random.default_rng(_SEED)
    draws = [rng.choice(train.shape[1], len(places), replace=False) for _ in range(_DRAWS)]

    def accuracy(columns):
        return float(_trees().fit(train[:, columns], labels[0]).score(test[:, columns], labels[1]))

    def error(columns):
        return _linear_squared_error(train, test, columns)

    return {
        "mean_max_probability": model.selector.mean_max_probability,
        "linear_squared_error": error(places),
        "variance_accuracy": accuracy(highest),
        "variance_linear_squared_error": error(highest),
        "random_accuracy": float(np.mean([accuracy(draw) for draw in draws])),
        "random_linear_squared_error": float(np.mean([error(draw) for draw in draws])),
        "all_pixels_accuracy": accuracy(slice(None)),
    }


def signature_inputs(model, images, recipe):
    """Images for `reconstruct` and `encode`, their codes for `decode`."""
    return reconstruction.signature_inputs(model, images, recipe)


def draw(folder, context, model, predict):
    """The chosen pixels on the mean image, and what is made of them."""
    from recipes.drawings import selection

    images = context.images(context.data.test.take(range(20)))
    mean = _flat(context, context.train).mean(0).reshape(context.data.shape)
    selection.chosen(folder / "selected_pixels.png", mean, model.selected_pixels)
    rebuilt = np.asarray(predict(images))
    selection.rebuilt(folder / "reconstructions.png", images, model.selected_features, rebuilt)


def _trees():
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(_TREES, n_jobs=-1, random_state=_SEED)


def _linear_squared_error(train, test, columns):
    from sklearn.linear_model import Ridge

    # Hardly a penalty, but it settles columns that are equal or always zero.
    regression = Ridge(alpha=1e-3).fit(train[:, columns], train)
    return float(np.square(test - regression.predict(test[:, columns])).sum(1).mean())


def _flat(context, subset):
    """Images as rows, `(n, h * w * c)`."""
    return context.images(subset).reshape(subset.size, -1)


def _labels(subset):
    return np.asarray(subset.split.y[subset.indices])


def _whole(split):
    return split.take(range(len(split.y)))
