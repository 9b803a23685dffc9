"""The linear autoencoder, which learns what principal component analysis computes.

Bourlard & Kamp, "Auto-Association by Multilayer Perceptrons and Singular Value Decomposition",
Biological Cybernetics 59, 1988; Baldi & Hornik, "Neural Networks and Principal Component Analysis:
Learning from Examples Without Local Minima", Neural Networks 2, 1989. The components themselves:
Plaut, "From Principal Subspaces to Principal Components with Linear Autoencoders", 2018,
https://arxiv.org/abs/1804.10253
"""

import math

import keras
import numpy as np
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.registry import architecture


@architecture
def linear_autoencoder(input_shape=(28, 28, 1), code=30, l2=0.0):
    """One linear layer down to the code, and one up again.

    The squared error has no local minimum but the global one, where the weights span the subspace of
    the first `code` principal components, and the output is the orthogonal projection onto it
    around the mean of the data (Baldi & Hornik, section 4): it loses as much as PCA does. Which basis
    of that subspace the weights are stays open, unless `l2` settles it; see `principal_components`. On the
    way there are saddle points, one for each component that is not found yet, and a low learning rate stays
    long beside them: images in `[0, 1]` want about 3e-2 with Adam, where deeper models take 2e-3.

    Args:
        input_shape: One to three sizes without the batch axis, such as `(height, width, channels)`.
        code: Width of the code, `(n, code)`.
        l2: Factor of the sum of both kernels' squares in the loss, in the unit of a squared error
            summed over an example. Components with less variance than that are given up.

    Returns:
        An `Autoencoder` from examples to reconstructions of the same shape, in any range.

    47,854 parameters at the defaults.
    """
    shape, code = arguments.shape(input_shape), arguments.positive(code, "code")
    penalty = {"kernel_regularizer": keras.regularizers.L2(_factor(l2))} if l2 else {}
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(image)
    encode = keras.Model(image, layers.Dense(code, name="code", **penalty)(x), name="encoder")
    latent = keras.Input((code,), name="code")
    x = layers.Dense(math.prod(shape), name="pixels", **penalty)(latent)
    decode = keras.Model(latent, layers.Reshape(shape, name="image")(x), name="decoder")
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="linear_autoencoder")


def principal_components(model):
    """What a trained `linear_autoencoder` learnt, as orthonormal directions: `(code, features)`.

    The singular vectors of the decoder's kernel, the largest singular value first. Where the model was
    trained with `l2`, they are the principal components in their order (Plaut, section 3; Kunin et al.,
    "Loss Landscapes of Regularized Linear Autoencoders", 2019, https://arxiv.org/abs/1901.08168); without
    it, some basis of the subspace that these span. The sign of a component is open; here its
    largest entry is positive.

    Args:
        model: A `linear_autoencoder`.

    Raises:
        ValueError: The model is another one.
    """
    if not isinstance(model, Autoencoder) or model.name != "linear_autoencoder":
        raise ValueError(
            f"{model.name!r} is no linear autoencoder: its weights are no principal components. Pass "
            "a trained zoo.create('linear_autoencoder')."
        )
    kernel = keras.ops.convert_to_numpy(model.decoder.get_layer("pixels").kernel)  # (code, features)
    components = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)[2]
    largest = np.argmax(np.abs(components), axis=1)
    signs = np.sign(components[range(len(components)), largest])
    return components * signs[:, None]


def _factor(l2):
    if isinstance(l2, bool) or not isinstance(l2, (int, float)) or not 0 <= l2 < math.inf:
        raise ValueError(f"l2={l2!r}: expected a number of at least 0. Pass l2=0.0 for no penalty.")
    return float(l2)
