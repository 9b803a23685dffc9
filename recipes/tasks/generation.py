"""Generation with a variational autoencoder: the negative evidence lower bound, in nats an image.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114, eq. 3 with
the closed form of appendix B for the divergence. Pixels are Bernoulli variables.
"""

import keras
import numpy as np

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "negative_elbo", False, True
BARS = {"int8": (0.03, True), "float16": (0.001, True)}
_NOISE_SEED = 0  # every file is scored with the same noise


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


def score(predict, batches, context):
    """`negative_elbo` with one sample of the code an image, and its two terms, in nats."""
    noise = np.random.default_rng(_NOISE_SEED)
    rates, distortions = [], []
    for x, _ in batches:
        code = predict(x, "encode")
        mean, log_variance = (np.asarray(code[k], np.float64) for k in ("mean", "log_variance"))
        rates.append(0.5 * (np.square(mean) + np.exp(log_variance) - 1 - log_variance).sum(-1))
        z = mean + np.exp(log_variance / 2) * noise.standard_normal(mean.shape)
        logits = np.asarray(predict(z.astype(np.float32), "decode"), np.float64)
        pixels = np.logaddexp(0, logits) - x * logits  # −log Bernoulli(x; sigmoid(logits))
        distortions.append(pixels.reshape(len(x), -1).sum(-1))
    rate, distortion = (float(np.concatenate(part).mean()) for part in (rates, distortions))
    return {"negative_elbo": rate + distortion, "divergence": rate, "reconstruction_nats": distortion}


def reference(model, context, metrics):
    """`independent_pixels_nats`: binarised test images under each pixel's mean over `train`."""
    from recipes.data.feeding import fixed_bernoulli
    from recipes.tasks.reconstruction import scale

    train, test = context.data.train, context.data.test
    p = np.clip(np.asarray(train.x, np.float64).mean(0) / scale(train.x), 1e-4, 1 - 1e-4)
    x = fixed_bernoulli(np.asarray(test.x, np.float32) / scale(test.x), range(len(test.x)))
    return {"independent_pixels_nats": float(-(x * np.log(p) + (1 - x) * np.log1p(-p)).sum((1, 2, 3)).mean())}


def signature_inputs(model, images, recipe):
    """Images for `reconstruct` and `encode`, codes drawn from their posteriors for `decode`, noise for `sample`."""
    noise = np.random.default_rng(_NOISE_SEED)
    code = model.encoder.predict(images, verbose=0)
    deviation = np.exp(code["log_variance"] / 2)
    z = (code["mean"] + deviation * noise.standard_normal(deviation.shape)).astype(np.float32)
    sample = noise.standard_normal(z.shape).astype(np.float32)
    return {"reconstruct": [images], "encode": [images], "decode": [z], "sample": [sample]}


def draw(folder, context, model, predict):
    """Test images with their reconstructions, and samples from the prior."""
    from recipes import plots
    from recipes.tasks import reconstruction

    reconstruction.draw(folder, context, model, predict)
    noise = np.random.default_rng(_NOISE_SEED).standard_normal((100, model.encoder.output["mean"].shape[-1]))
    plots.samples(folder / "samples.png", np.asarray(predict(noise.astype(np.float32), "sample")))
