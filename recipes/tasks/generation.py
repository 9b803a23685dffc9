"""Generation with a variational autoencoder: bounds of −log p(x), in nats an image.

The negative evidence lower bound (see `recipes.tasks.bounds`) is measured on every file; the tighter
importance-weighted estimate (see `recipes.tasks.likelihood`) takes thousands of codes an image and is
measured on the Keras model alone.
"""

import keras
import numpy as np

from recipes.tasks import bounds
from recipes.tasks.likelihood import log_likelihoods

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "negative_elbo", False, True
BARS = {"int8": (1.0, False), "float16": (0.001, True)}  # a nat; a thousandth
SIGNATURES = ("encode", "decode", "prior*")
NOISE_SEED = 0  # every file is scored with the same noise


@keras.saving.register_keras_serializable("recipes")
class BernoulliNegativeLogLikelihood(keras.losses.Loss):
    """−log p(x | z) summed over an image, from Bernoulli means in [0, 1]."""

    def __init__(self, name="reconstruction", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        pixels = keras.ops.binary_crossentropy(y_true, y_pred)
        return keras.ops.sum(pixels, axis=(1, 2, 3))


def loss(recipe):
    """−log p(x | z); the model adds the divergence from the prior itself."""
    return BernoulliNegativeLogLikelihood()


def metrics():
    """None beside the loss, which is the negative bound itself."""
    return []


def score(predict, batches, context, conditional=False):
    """`negative_elbo` with one sample of the code an image, and its two terms, in nats.

    The divergence is also given by code where there are several, `divergence1` being that of the code
    next to the image.
    """
    rates, distortions = _terms(predict, batches, conditional)
    rate, distortion = float(rates.sum(-1).mean()), float(distortions.mean())
    scores = {"negative_elbo": rate + distortion, "divergence": rate, "reconstruction_nats": distortion}
    if (codes := rates.shape[1]) > 1:
        scores |= {f"divergence{codes - i}": float(nats) for i, nats in enumerate(rates.mean(0))}
    return scores


def per_example(predict, batches, context, conditional=False):
    """The `negative_elbo` of each image, `(n,)`."""
    rates, distortions = _terms(predict, batches, conditional)
    return rates.sum(-1) + distortions


def _terms(predict, batches, conditional):
    """Divergences `(n, codes)` and nats `(n,)` of all images, by noise that is the same for every model."""
    noise = np.random.default_rng(NOISE_SEED)
    found = [bounds.terms(predict, x, {"label": y} if conditional else {}, noise) for x, y in batches]
    rates, distortions = (np.concatenate(part) for part in zip(*found, strict=True))
    return rates, distortions


def reference(model, context, metrics):
    """The importance-weighted `negative_log_likelihood`, and what a model without a code reaches.

    It is the mean over all test images, by `importance_samples` codes each. `independent_pixels_nats` are
    those of the test images under each pixel's mean over the training split.
    """
    samples = context.recipe.evaluation.importance_samples
    test = context.images(context.data.test.take(range(len(context.data.test.y))))
    return {
        "negative_log_likelihood": float(-log_likelihoods(model, test, samples, context.progress).mean()),
        "importance_samples": float(samples),
        "independent_pixels_nats": independent_pixels(context),
    }


def independent_pixels(context):
    """Nats of a binarised test image where every pixel has its mean over the training split."""
    from recipes.data.feeding import fixed_bernoulli
    from recipes.tasks.reconstruction import scale

    train, test = context.data.train, context.data.test
    p = np.clip(np.asarray(train.x, np.float64).mean(0) / scale(train.x), 1e-4, 1 - 1e-4)
    x = fixed_bernoulli(np.asarray(test.x, np.float32) / scale(test.x), range(len(test.x)))
    return float(-(x * np.log(p) + (1 - x) * np.log1p(-p)).sum((1, 2, 3)).mean())


def signature_inputs(model, images, recipe, beside=None):
    """Images for `reconstruct` and `encode`, codes drawn from their posteriors for the others, noise for `sample`."""
    from recipes.tasks import keras_predictor

    noise, beside = np.random.default_rng(NOISE_SEED), beside or {}
    inputs, _ = bounds.descent(keras_predictor(model), images, beside, noise)
    sample = noise.standard_normal((len(images), model.noise)).astype(np.float32)
    inputs |= {"reconstruct": inputs["encode"], "sample": bounds.given("noise", sample, beside)}
    return {name: [values] for name, values in inputs.items()}


def draw(folder, context, model, predict):
    """Test images with their reconstructions, samples from the prior, and walks from image to image."""
    from recipes import plots
    from recipes.drawings import walk
    from recipes.tasks import reconstruction

    reconstruction.draw(folder, context, model, predict)
    noise = np.random.default_rng(NOISE_SEED).standard_normal((100, model.noise)).astype(np.float32)
    plots.samples(folder / "samples.png", np.asarray(predict(noise, "sample")))
    firsts = walk.first_of_each_class(context.data.test.y)[:, 0]
    ends = np.stack([firsts, np.roll(firsts, -1)], axis=1)
    walk.draw(folder / "walk.png", context, model, predict, ends)
