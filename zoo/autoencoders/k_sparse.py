"""The k-sparse autoencoder.

Makhzani & Frey, "k-Sparse Autoencoders", 2013, https://arxiv.org/abs/1312.5663
"""

import math

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.autoencoders.dense import OUTPUT, dense_decoder
from zoo.layers.k_sparse import KSparse
from zoo.registry import architecture


@architecture(smallest={"input_shape": (8, 8, 1), "code": 48, "k": 8})
def k_sparse_autoencoder(
    input_shape=(28, 28, 1),
    code=1000,
    k=25,
    inference_k=None,
    offset=0.0,
    dropout=0.0,
    output_activation="sigmoid",
):
    """A linear encoder whose k largest units are the code, and one layer back to the image.

    Sparsity is in the architecture, so that no penalty has to be weighed against the reconstruction.
    Three differences from the paper: units are normalised to the same variance over examples before
    the largest are chosen, so that none stays silent for ever, where the paper begins with a large k
    and lowers it; the decoder has weights of its own, where the paper takes the encoder's transposed;
    and pixels come from a logistic function unless they are to be "linear". `offset` and `dropout`, which
    the paper does without, make codes of like images alike: a linear classifier reads more from them.

    Args:
        input_shape: One to three sizes without the batch axis, such as `(height, width, channels)`.
        code: Width of the code, `(n, code)`, of which all but `k` units are 0.
        k: Units kept in training.
        inference_k: Units kept at inference; `k` by default. The paper classifies by more of them than
            it trains with.
        offset: What every normalised unit is lowered by before the largest are chosen, in its standard
            deviations. Near the k-th largest (1.3 for a tenth of the units) a unit that comes or goes does
            so at a value of about 0; without, it jumps.
        dropout: Fraction of the pixels that are dropped in training, from which the whole image is to be
            reconstructed, as by a denoising autoencoder.
        output_activation: "sigmoid" for values in `[0, 1]`, "linear" for others.

    Returns:
        An `Autoencoder` from examples to reconstructions of the same shape.

    1,570,784 parameters at the defaults, batch-norm statistics included.
    """
    shape, code = arguments.shape(input_shape), arguments.positive(code, "code")
    arguments.choice(output_activation, "output_activation", OUTPUT)
    encode = _encoder(shape, code, k, inference_k, _lowered_by(offset))
    decode = dense_decoder(shape, (), code, "relu", output_activation)
    image = keras.Input(shape, name="image")
    seen = layers.Dropout(arguments.rate(dropout, "dropout"), name="image_dropout")(image)
    return Autoencoder(image, decode(encode(seen)), name="k_sparse_autoencoder")


def _encoder(shape, code, k, inference_k, offset):
    image = keras.Input(shape, name="image")
    x = layers.Dense(code, use_bias=False, name="code_dense")(layers.Flatten(name="flatten")(image))
    # Without a gain and a shift of their own, with which units could fall silent again.
    x = layers.BatchNormalization(momentum=0.9, center=False, scale=False, name="code_bn")(x)
    x = layers.Rescaling(1.0, -offset, name="code_offset")(x)
    return keras.Model(image, KSparse(k, inference_k, name="code_largest")(x), name="encoder")


def _lowered_by(offset):
    if isinstance(offset, bool) or not isinstance(offset, (int, float)) or not 0 <= offset < math.inf:
        raise ValueError(
            f"offset={offset!r}: expected a number of standard deviations, at least 0. Pass offset=0.0 to leave "
            "units as they are."
        )
    return float(offset)
