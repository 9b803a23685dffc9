"""The denoising autoencoder, from "Extracting and Composing Robust Features with Denoising Autoencoders".

Vincent, Larochelle, Bengio & Manzagol, ICML 2008; Vincent et al., "Stacked Denoising Autoencoders:
Learning Useful Representations in a Deep Network with a Local Denoising Criterion", JMLR 11, 2010,
section 3.1
"""

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.autoencoders.dense import dense_decoder, dense_encoder
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.corruption import AnyNoise, MaskingNoise, SaltAndPepperNoise, noise_level
from zoo.layers.decoding import doubled, finished_image
from zoo.layers.normalization import batch_norm
from zoo.registry import architecture

HIDDEN = ("convolutional", "dense")
NOISES = {
    "any": AnyNoise,
    "gaussian": layers.GaussianNoise,
    "masking": MaskingNoise,
    "salt_and_pepper": SaltAndPepperNoise,
}


@architecture(smallest={"code": 8, "filters": (8, 12), "convolutions": 2})
def denoising_autoencoder(
    input_shape=(28, 28, 1),
    code=32,
    noise="any",
    level=0.25,
    hidden="convolutional",
    filters=(32, 64),
    convolutions=1,
    seed=None,
):
    """Sees its image through noise in training, and is asked for the clean one.

    The corruption is the model's first layer, `corruption`, so that whoever trains it towards its own
    input trains it to denoise. At inference nothing is added: images are denoised as they come.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        code: Channels of the code, a map; or, with "dense", the width of the code, which the paper
            has larger than the image where the code is to represent it.
        noise: "gaussian", "masking", "salt_and_pepper", or "any" for one of the three, drawn for
            each image.
        level: Standard deviation of Gaussian noise; of the others, the share of values they hit.
        hidden: "convolutional", or "dense" for the paper's one hidden layer, here normalised and
            with ReLU.
        filters: Channels of the encoder's blocks, each of which halves the resolution, mirrored in
            the decoder; not used by "dense".
        convolutions: Of each block; not used by "dense".
        seed: An integer for a repeatable sequence of noise.

    Returns:
        An `Autoencoder` from images in `[0, 1]`, with noise on them or without, to clean images of
        the same shape. The code is `(n, height / 2**k, width / 2**k, code)` behind k blocks, sizes
        rounded up, or `(n, code)`.

    89,761 parameters at the defaults, batch-norm statistics included.
    """
    shape = arguments.image_shape(input_shape)
    code, level = arguments.positive(code, "code"), noise_level(level)
    arguments.choice(noise, "noise", tuple(NOISES))
    arguments.choice(hidden, "hidden", HIDDEN)
    if hidden == "dense":
        encode, decode = (
            dense_encoder(shape, (), code, "relu", "relu"),
            dense_decoder(shape, (), code, "relu"),
        )
    else:
        widths = arguments.positives(filters, "filters")
        count = arguments.positive(convolutions, "convolutions")
        encode = _encoder(shape, code, widths, count)
        decode = _decoder(encode.output_shape[1:], shape, widths[::-1], count)
    image = keras.Input(shape, name="image")
    seen = NOISES[noise](level, seed=seed, name="corruption")(image)
    return Autoencoder(image, decode(encode(seen)), name="denoising_autoencoder")


def _encoder(shape, code, filters, convolutions):
    image = keras.Input(shape, name="image")
    x = image
    for i, width in enumerate(filters, start=1):
        x = conv_bn_relu(x, width, 3, strides=2, name=f"block{i}_1")
        x = _convolved(x, width, convolutions, name=f"block{i}")
    return keras.Model(image, conv_bn_relu(x, code, 3, name="code"), name="encoder")


def _decoder(code_shape, shape, filters, convolutions):
    """From the code's map `(n, h, w, code)` to the image."""
    code = keras.Input(code_shape, name="code")
    x = conv_bn_relu(code, filters[0], 3, name="block1_1")
    x = _convolved(x, filters[0], convolutions, name="block1")
    for i, width in enumerate(filters[1:], start=2):
        x = doubled(x, width, name=f"block{i}_1_deconv", use_bias=False)
        x = layers.ReLU(name=f"block{i}_1_relu")(batch_norm(x, f"block{i}_1_bn"))
        x = _convolved(x, width, convolutions, name=f"block{i}")
    x = doubled(x, shape[2], name="image_deconv")
    return keras.Model(code, finished_image(x, shape, "sigmoid"), name="decoder")


def _convolved(x, filters, convolutions, name):
    """The convolutions of a block behind its first: `(n, h, w, filters)` to the same shape."""
    for j in range(2, convolutions + 1):
        x = conv_bn_relu(x, filters, 3, name=f"{name}_{j}")
    return x
