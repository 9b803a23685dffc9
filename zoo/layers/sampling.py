"""The stochastic layers of variational autoencoders.

Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114; several of
them on top of each other: Sønderby, Raiko, Maaløe, Sønderby & Winther, "Ladder Variational
Autoencoders", 2016, https://arxiv.org/abs/1602.02282
"""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class GaussianSampling(keras.layers.Layer):
    """Samples `N(mean, exp(log_variance))` in training; gives the mean at inference.

    The sample is reparametrised (section 2.4), so that gradients reach both inputs. The divergence
    of that Gaussian from `N(0, I)` (appendix B), in nats, summed over the code and averaged over
    the batch, is added to the model's losses in training and in evaluation alike.

    Args:
        seed: An integer for a repeatable sequence of samples.
        weight: What the divergence is multiplied with.

    Two tensors `(n, code)` to one of that shape.

    Raises:
        ValueError: `weight` is not positive.
    """

    def __init__(self, seed=None, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.seed, self.weight = seed, arguments.weight(weight, "weight")
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, mean, log_variance, training=False):
        self.add_loss(self.weight * ops.mean(gaussian_divergence(mean, log_variance)))
        return drawn(mean, log_variance, self.seed_generator) if training else mean

    def compute_output_shape(self, mean_shape, log_variance_shape):
        return mean_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed, "weight": self.weight}


@keras.saving.register_keras_serializable("zoo")
class PrecisionWeightedSampling(keras.layers.Layer):
    """Samples what two Gaussians say together in training; gives the mean of it at inference.

    The one is what an image says of a code, the other its prior, which depends on the code above it;
    `precision_weighted` puts them together. The divergence of the result from the prior is added to the
    model's losses as by `GaussianSampling`.

    Args:
        seed: An integer for a repeatable sequence of samples.

    Four tensors `(n, code)` to one of that shape: mean and logarithm of the variance, then those of the
    prior.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, mean, log_variance, prior_mean, prior_log_variance, training=False):
        prior = prior_mean, prior_log_variance
        posterior = precision_weighted(mean, log_variance, *prior)
        self.add_loss(ops.mean(gaussian_divergence(*posterior, *prior)))
        return drawn(*posterior, self.seed_generator) if training else posterior[0]

    def compute_output_shape(self, mean_shape, *others):
        return mean_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def drawn(mean, log_variance, seed):
    """One sample of `N(mean, exp(log_variance))`, of the shape of `mean`."""
    noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=seed)
    return mean + ops.exp(log_variance / 2) * noise


def gaussian_divergence(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0):
    """KL(N(mean, exp(log_variance)) || N(prior_mean, exp(prior_log_variance))) in nats: `(n, code)` to `(n,)`.

    The prior is `N(0, I)` by default: Kingma & Welling, 2014, appendix B, with the sign of a divergence.
    """
    # Squares and exponentials overflow in float16.
    mean, log_variance = ops.cast(mean, "float32"), ops.cast(log_variance, "float32")
    shift = mean - ops.cast(prior_mean, "float32")
    narrower = log_variance - ops.cast(prior_log_variance, "float32")
    squares = ops.square(shift) * ops.exp(-ops.cast(prior_log_variance, "float32"))
    return ops.sum(squares + ops.exp(narrower) - narrower - 1, axis=-1) / 2


def precision_weighted(mean, log_variance, other_mean, other_log_variance):
    """Mean and logarithm of the variance of the normalised product of two Gaussians.

    Sønderby et al., 2016, equations 18 and 19: precisions add up, and means are weighed by them. The
    share of the first is the logistic function of the difference of the log variances, so that no
    precision is ever computed, which 8 bits could not hold.
    """
    share = ops.sigmoid(other_log_variance - log_variance)
    combined = other_mean + share * (mean - other_mean)
    return combined, log_variance + ops.log_sigmoid(other_log_variance - log_variance)
