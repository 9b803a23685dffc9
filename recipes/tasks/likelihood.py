"""The log likelihood of images under a variational autoencoder, by importance sampling.

Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016, eq. 8,
https://arxiv.org/abs/1509.00519: a lower bound that comes to the log likelihood as the number of
samples grows.
"""

import keras
import numpy as np

_AT_ONCE = 4096  # codes that one call decodes
_SEED = 20160101  # every model is asked with the same noise


def log_likelihoods(model, inputs, samples, progress=None):
    """The estimate for each image, in nats: `(n,)`.

    Args:
        model: A `VariationalAutoencoder` of the zoo.
        inputs: What it takes: images `(n, h, w, c)`, or a dict with them and their labels.
        samples: Codes an image.
        progress: Called as `progress(stage, done, total)`, in images.
    """
    from scipy.special import logsumexp

    weigher, total = _Weigher(model), len(next(iter(keras.tree.flatten(inputs))))
    images = max(1, _AT_ONCE // samples)
    estimates = []
    for start in range(0, total, images):
        chosen = range(start, min(start + images, total))
        given = keras.tree.map_structure(lambda part, chosen=chosen: part[chosen.start : chosen.stop], inputs)
        weights = _weights(weigher, given, _noise(chosen, samples, model.noise))
        estimates.append(logsumexp(weights, axis=1) - np.log(samples))
        if progress:
            progress("comparing", chosen.stop, total)
    return np.concatenate(estimates)


class _Weigher(keras.Model):
    """`model.log_weights`, compiled as a whole."""

    def __init__(self, model):
        super().__init__(name="weigher")
        self.model = model
        # XLA makes transposed convolutions slow on a CPU.
        self.compile(jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")

    def call(self, inputs):
        return self.model.log_weights(inputs["given"], inputs["noise"])


def _weights(weigher, given, noise):
    """Log weights `(n, samples)`, in parts where one image alone has more than fit into a call."""
    parts = [noise[:, i : i + _AT_ONCE] for i in range(0, noise.shape[1], _AT_ONCE)]
    asked = [weigher.predict_on_batch({"given": given, "noise": part}) for part in parts]
    return np.concatenate(asked, axis=1, dtype=np.float64)


def _noise(indices, samples, width):
    """`(n, samples, width)`, the same for an image whatever else is asked with it."""
    drawn = [np.random.default_rng((_SEED, i)).standard_normal((samples, width), np.float32) for i in indices]
    return np.stack(drawn)
