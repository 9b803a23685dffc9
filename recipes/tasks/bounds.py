"""What a code costs and what is left to tell: the terms of the evidence lower bound, in nats an image.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114, eq. 3 with
the closed form of appendix B for the divergence; with codes above codes, Sønderby et al., "Ladder
Variational Autoencoders", 2016, https://arxiv.org/abs/1602.02282, eq. 18 and 19. Pixels are Bernoulli
variables.
"""

import numpy as np


def terms(predict, images, beside, noise):
    """The divergence of every code of each image, and the nats of its pixels, by one sample of the codes.

    Args:
        predict: As `score` of a task is given it.
        images: `(n, h, w, c)`.
        beside: What the model's parts take beside image and code, such as `{"label": …}`.
        noise: A NumPy generator.

    Returns:
        Divergences `(n, codes)`, that of the top code first, and nats `(n,)`.
    """
    inputs, rates = descent(predict, images, beside, noise)
    logits = np.asarray(predict(inputs["decode"], "decode"), np.float64)
    pixels = np.logaddexp(0, logits) - images * logits  # −log Bernoulli(x; sigmoid(logits))
    return rates, pixels.reshape(len(images), -1).sum(-1)


def descent(predict, images, beside, noise):
    """Codes drawn from their posteriors, from the top one down.

    Returns:
        What each part is asked with on the way, by its signature, and the divergences `(n, codes)`.
    """
    inputs = {"encode": given("image", images, beside)}
    said = _floats(predict(inputs["encode"], "encode"))
    z, rates = _drawn(noise, said["mean"], said["log_variance"])
    rates = [rates]
    for i in range(len(said) // 2 - 1, 0, -1):
        inputs[f"prior{i}"] = z
        prior = _floats(predict(z, f"prior{i}"))
        below = _together(said[f"mean{i}"], said[f"log_variance{i}"], prior)
        z, rate = _drawn(noise, *below, prior["mean"], prior["log_variance"])
        rates.append(rate)
    return inputs | {"decode": given("code", z, beside)}, np.stack(rates, axis=1)


def given(name, values, beside):
    """The input of a part: `values` alone, or a dict with what stands beside them."""
    return {name: values, **beside} if beside else values


def _floats(outputs):
    return {name: np.asarray(values, np.float64) for name, values in outputs.items()}


def _together(mean, log_variance, prior):
    """The normalised product with the prior: precisions add up, and means are weighed by them."""
    precision, other = np.exp(-log_variance), np.exp(-prior["log_variance"])
    return (mean * precision + prior["mean"] * other) / (precision + other), -np.log(precision + other)


def _drawn(noise, mean, log_variance, prior_mean=0.0, prior_log_variance=0.0):
    """A code `(n, c)` in float32, and the divergence of its Gaussian from the prior, `(n,)`."""
    z = mean + np.exp(log_variance / 2) * noise.standard_normal(mean.shape)
    narrower = log_variance - prior_log_variance
    squares = np.square(mean - prior_mean) / np.exp(prior_log_variance)
    return z.astype(np.float32), 0.5 * (squares + np.exp(narrower) - 1 - narrower).sum(-1)
