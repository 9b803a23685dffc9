"""The variational autoencoder, from "Auto-Encoding Variational Bayes".

Kingma & Welling, 2014, https://arxiv.org/abs/1312.6114
"""

from zoo.autoencoders.autoencoder import VariationalAutoencoder
from zoo.autoencoders.gaussian_code import checked, variational
from zoo.layers.sampling import GaussianSampling
from zoo.registry import architecture


@architecture(smallest={"units": 16})
def vae(
    input_shape=(28, 28, 1),
    code=20,
    hidden="convolutional",
    filters=(32, 64),
    units=512,
    seed=None,
):
    """Variational autoencoder: Gaussian code, Bernoulli pixels.

    The model adds the divergence of the code from `N(0, I)`, in nats an image, to its losses; with
    the summed binary cross-entropy as the loss, training maximises the evidence lower bound
    (equation 10). In training the code is sampled; at inference it is the mean, so that an exported
    file holds no random operator.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        code: Width of the code, `(n, code)`.
        hidden: "convolutional", or "dense" for the paper's perceptrons (appendix C).
        filters: Channels of the encoder's convolutions, mirrored in the decoder; not used by
            "dense".
        units: Units of each hidden dense layer.
        seed: An integer for a repeatable sequence of samples.

    Returns:
        A `VariationalAutoencoder` from images in `[0, 1]` to the means of their pixels.
        `encoder` gives `{"mean": (n, code), "log_variance": (n, code)}`, `decoder` logits.

    3,311,177 parameters at the defaults, batch-norm statistics included.
    """
    sizes = checked(input_shape, code, hidden, filters, units)
    return variational(GaussianSampling(seed, name="sampling"), sizes, VariationalAutoencoder, name="vae")
