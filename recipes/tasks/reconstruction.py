"""Reconstruction: squared error per image, beside principal components of the same size.

Squared errors are summed over all values of an example and averaged over examples, as in Hinton and
Salakhutdinov, 2006. Signals are examples as images are, but for the structural similarity.
"""

import math

import keras
import numpy as np

from recipes.tasks.similarity import SMALLEST, psnr, ssim

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "squared_error", False, True
BARS = {"int8": (0.05, True), "float16": (0.001, True)}


@keras.saving.register_keras_serializable("recipes")
class SquaredErrorPerImage(keras.losses.Loss):
    """Squared error summed over an example `(n, ...)`: an image, or a signal."""

    def __init__(self, name="squared_error", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        squares = keras.ops.square(y_true - y_pred)
        return keras.ops.sum(squares, axis=tuple(range(1, len(squares.shape))))


def loss(recipe):
    """Squared error per image."""
    return SquaredErrorPerImage()


def metrics():
    """None beside the loss, which is the measure itself."""
    return []


def score(predict, batches, context):
    """`squared_error` an example, `psnr` in dB for a peak of 1 and, of images, `ssim`: means over examples.

    `code_squared_error` is that of what signature `decode` makes of the codes that `encode` gives.
    """
    found = {}
    for x, _ in batches:
        rebuilt = np.asarray(predict(x), np.float32)
        decoded = np.asarray(predict(predict(x, "encode"), "decode"), np.float32)
        measures = {
            "squared_error": squared_errors(x, rebuilt),
            "psnr": psnr(x, rebuilt),
            "code_squared_error": squared_errors(x, decoded),
        }
        if x.ndim == 4 and min(x.shape[1:3]) >= SMALLEST:
            measures["ssim"] = ssim(x, rebuilt)
        for name, values in measures.items():
            found.setdefault(name, []).append(values)
    return {name: float(np.concatenate(values).mean()) for name, values in found.items()}


def per_example(predict, batches, context):
    """The squared error of each example, `(n,)`."""
    return np.concatenate([squared_errors(x, np.asarray(predict(x), np.float32)) for x, _ in batches])


def squared_errors(originals, copies):
    """Squared error summed over each example: two `(n, ...)` to `(n,)`."""
    differences = np.asarray(originals, np.float64) - np.asarray(copies, np.float64)
    return np.square(differences).reshape(len(differences), -1).sum(1)


def reference(model, context, metrics):
    """`pca_squared_error`: test examples through as many principal components as the code has numbers.

    The components are those of the examples that are learnt. `relative_to_pca` is the model's squared
    error as a share of it. Nothing where there are not as many components, and for codes that are no row of
    numbers: choices, entries of a codebook, distributions.
    """
    from sklearn.decomposition import PCA

    code, test = _width(model.encoder.output), context.data.test
    if not 0 < code < min(context.train.size, math.prod(test.x.shape[1:])):
        return {}
    subsets = (context.train, test.take(range(len(test.x))))
    train, test = (context.images(s).reshape(s.size, -1) for s in subsets)
    pca = PCA(code, random_state=0).fit(train)
    error = float(squared_errors(test, pca.inverse_transform(pca.transform(test))).mean())
    return {"pca_squared_error": error, "relative_to_pca": metrics["squared_error"] / error}


def _width(code):
    """How many numbers a code `(n, width)` has; 0 of any other."""
    row = not isinstance(code, dict) and len(code.shape) == 2 and keras.backend.is_float_dtype(code.dtype)
    return code.shape[1] if row else 0


def scale(x):
    """What brings the stored pixels to [0, 1]."""
    return np.float32(255 if x.dtype == np.uint8 else 1)


def signature_inputs(model, images, recipe):
    """Images for `reconstruct` and `encode`, their codes for `decode`."""
    codes = model.encoder.predict(images, verbose=0)
    return {"reconstruct": [images], "encode": [images], "decode": [codes]}


def draw(folder, context, model, predict):
    """Test images with their reconstructions."""
    from recipes import plots

    images = context.images(context.data.test.take(range(2 * plots.COLUMNS)))
    plots.reconstructions(folder / "reconstructions.png", images, np.asarray(predict(images)))
