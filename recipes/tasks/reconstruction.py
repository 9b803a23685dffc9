"""Reconstruction: squared error per image, beside principal components of the same size.

Squared errors are summed over the pixels of an image and averaged over images, as in Hinton and
Salakhutdinov, 2006.
"""

import keras
import numpy as np

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "squared_error", False, True
BARS = {"int8": (0.03, True), "float16": (0.001, True)}


@keras.saving.register_keras_serializable("recipes")
class SquaredErrorPerImage(keras.losses.Loss):
    """Squared error summed over an image `(n, h, w, c)`."""

    def __init__(self, name="squared_error", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return keras.ops.sum(keras.ops.square(y_true - y_pred), axis=(1, 2, 3))


def loss(recipe):
    """Squared error per image."""
    return SquaredErrorPerImage()


def metrics():
    """None beside the loss, which is the measure itself."""
    return []


def score(predict, batches, context):
    """`squared_error` per image and `psnr` in dB, the mean over images, for a peak of 1."""
    errors = []
    for x, _ in batches:
        difference = (np.asarray(predict(x), np.float32) - x).astype(np.float64)
        errors.append(np.square(difference).reshape(len(x), -1))
    errors = np.concatenate(errors)  # (n, pixels)
    per_pixel = np.maximum(errors.mean(1), 1e-12)
    return {
        "squared_error": float(errors.sum(1).mean()),
        "psnr": float((-10 * np.log10(per_pixel)).mean()),
    }


def reference(model, context, metrics):
    """`pca_squared_error`: test images through as many principal components of `train` as the code has.

    `relative_to_pca` is the model's squared error as a share of it.
    """
    from sklearn.decomposition import PCA

    splits = (context.data.train, context.data.test)
    train, test = (np.asarray(s.x, np.float32).reshape(len(s.x), -1) / scale(s.x) for s in splits)
    pca = PCA(model.encoder.output_shape[-1], random_state=0).fit(train)
    rebuilt = pca.inverse_transform(pca.transform(test))
    error = float(np.square(test - rebuilt).sum(1).mean())
    return {"pca_squared_error": error, "relative_to_pca": metrics["squared_error"] / error}


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
