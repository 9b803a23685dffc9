"""The stochastic layer of a variational autoencoder.

Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class GaussianSampling(keras.layers.Layer):
    """Samples `N(mean, exp(log_variance))` in training; gives the mean at inference.

    The sample is reparametrised (section 2.4), so that gradients reach both inputs. The divergence
    of that Gaussian from `N(0, I)` (appendix B), in nats, summed over the code and averaged over
    the batch, is added to the model's losses in training and in evaluation alike.

    Args:
        seed: An integer for a repeatable sequence of samples.

    Two tensors `(n, code)` to one of that shape.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, mean, log_variance, training=False):
        self.add_loss(ops.mean(gaussian_divergence(mean, log_variance)))
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(log_variance / 2) * noise

    def compute_output_shape(self, mean_shape, log_variance_shape):
        return mean_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def gaussian_divergence(mean, log_variance):
    """KL(N(mean, exp(log_variance)) || N(0, I)) in nats: two `(n, code)` to `(n,)`.

    Kingma & Welling, 2014, appendix B, with the sign of a divergence.
    """
    # Squares and exponentials overflow in float16.
    mean, log_variance = ops.cast(mean, "float32"), ops.cast(log_variance, "float32")
    terms = ops.square(mean) + ops.exp(log_variance) - log_variance - 1
    return ops.sum(terms, axis=-1) / 2
