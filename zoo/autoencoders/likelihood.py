"""Log densities of several codes an image, in float32: codes are `(n, k, code)`, densities `(n, k)`."""

import math

from keras import ops


def weighed(noise, mean, log_variance, prior_mean=0.0, prior_log_variance=0.0):
    """Codes drawn from a Gaussian, and how much more probable their prior is there than it.

    Args:
        noise: `(n, k, code)`, of `N(0, I)`.
        mean, log_variance: Of the Gaussian, `(n, code)`, or `(n, k, code)` if it depends on a code above.
        prior_mean, prior_log_variance: Of the prior, as those; `N(0, I)` by default.

    Returns:
        Codes `(n, k, code)`, and log p(z) - log q(z) in nats, `(n, k)`.
    """
    mean, log_variance = _for_each(mean), _for_each(log_variance)
    latent = mean + ops.exp(log_variance / 2) * noise
    squares = ops.square(latent - prior_mean) * ops.exp(-ops.convert_to_tensor(prior_log_variance, "float32"))
    terms = ops.square(noise) + log_variance - squares - prior_log_variance
    return latent, ops.sum(terms, axis=-1) / 2


def log_likelihood(images, logits):
    """log p(x | z) of binary pixels: `(n, h, w, c)` and logits `(n k, h, w, c)` to `(n, k)`."""
    count, size = ops.shape(images)[0], math.prod(images.shape[1:])
    pixels = ops.reshape(ops.cast(images, "float32"), (count, 1, size))
    logits = ops.reshape(ops.cast(logits, "float32"), (count, -1, size))
    return ops.sum(pixels * logits - ops.softplus(logits), axis=-1)


def folded(codes):
    """`(n, k, code)` to `(n k, code)`, the batch that a decoder takes."""
    return ops.reshape(codes, (-1, codes.shape[-1]))


def unfolded(codes, like):
    """`(n k, code)` back to `(n, k, code)`, n and k being those of `like`."""
    return ops.reshape(codes, (*ops.shape(like)[:2], codes.shape[-1]))


def importance_bound(log_weights):
    """The logarithm of the mean of the weights of each image: `(n, k)` to `(n,)`.

    Burda et al., 2016, equation 8.
    """
    count = ops.cast(ops.shape(log_weights)[1], log_weights.dtype)
    return ops.logsumexp(log_weights, axis=1) - ops.log(count)


def _for_each(parameters):
    """`(n, code)` as `(n, 1, code)`; in float32, where squares and exponentials have room."""
    parameters = ops.cast(parameters, "float32")
    return parameters if len(parameters.shape) == 3 else ops.expand_dims(parameters, 1)
