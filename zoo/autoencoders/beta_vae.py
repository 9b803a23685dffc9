"""The beta-VAE, from "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework".

Higgins et al., ICLR 2017, https://openreview.net/forum?id=Sy2fzU9gl
"""

from zoo import arguments
from zoo.autoencoders.autoencoder import VariationalAutoencoder
from zoo.autoencoders.gaussian_code import checked, variational
from zoo.layers.sampling import GaussianSampling
from zoo.registry import architecture


@architecture(smallest={"units": 16})
def beta_vae(
    input_shape=(28, 28, 1),
    code=20,
    beta=4.0,
    hidden="convolutional",
    filters=(32, 64),
    units=512,
    seed=None,
):
    """A `vae` whose code pays `beta` times for what it tells of the image.

    The divergence of the code from `N(0, I)` counts `beta` times in the losses (equation 4): above 1,
    few coordinates of the code are used, each for something of its own, and images are blurred; below 1,
    it is the other way round. With 1 it is the `vae`.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        code: Width of the code, `(n, code)`.
        beta: Weight of the divergence.
        hidden: "convolutional" or "dense".
        filters: Channels of the encoder's convolutions, mirrored in the decoder; not used by
            "dense".
        units: Units of each hidden dense layer.
        seed: An integer for a repeatable sequence of samples.

    Returns:
        A `VariationalAutoencoder` from images in `[0, 1]` to the means of their pixels, as `vae`.

    3,311,177 parameters at the defaults, batch-norm statistics included.
    """
    sizes = checked(input_shape, code, hidden, filters, units)
    sampling = GaussianSampling(seed, arguments.weight(beta, "beta"), name="sampling")
    return variational(sampling, sizes, VariationalAutoencoder, name="beta_vae")
