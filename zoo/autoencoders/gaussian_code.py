"""What the variational autoencoders share: image to Gaussian code, code to logits."""

import math

import keras
from keras import layers

from zoo import arguments
from zoo.decoders.deconvolution import deconvolutional_decoder
from zoo.layers.convolution import strided_features
from zoo.layers.dense import dense_bn_relu

HIDDEN = ("convolutional", "dense")
LABEL_WIDTH = 16  # of what is learnt of a class, beside the image and beside the code


def checked(input_shape, code, hidden, filters, units):
    """`(shape, code, filters, units)`, the arguments of both halves; no filters stand for "dense"."""
    shape = arguments.image_shape(input_shape)
    arguments.choice(hidden, "hidden", HIDDEN)
    filters = arguments.positives(filters, "filters") if hidden == "convolutional" else ()
    return shape, arguments.positive(code, "code"), filters, arguments.positive(units, "units")


def variational(sampling, sizes, model, **options):
    """An image through the encoder, `sampling` and the decoder: a `VariationalAutoencoder`.

    Args:
        sampling: A layer from the encoder's outputs to a code.
        sizes: What `checked` gives.
        model: The class of the model.
        **options: Further arguments of that class.
    """
    image = keras.Input(sizes[0], name="image")
    latent = sampling(**gaussian_encoder(*sizes)(image))
    pixels = layers.Activation("sigmoid", name="reconstruction")(bernoulli_decoder(*sizes)(latent))
    return model(image, pixels, **options)


def gaussian_encoder(shape, code, filters, units, classes=None):
    """A model from an image to `{"mean": (n, code), "log_variance": (n, code)}`.

    With `classes` it takes `{"image": ..., "label": ...}`.
    """
    image = keras.Input(shape, name="image")
    inputs, x = image, layers.Flatten(name="flatten")(strided_features(image, filters))
    if classes:
        label, x = _with_label(x, classes)
        inputs = {"image": image, "label": label}
    x = dense_bn_relu(x, units, name="hidden") if filters else _perceptron(x, units)
    return keras.Model(inputs, gaussian(x, code), name="encoder")


def gaussian(x, code, name=""):
    """Mean and logarithm of the variance of a code, from `(n, units)`: layers `mean` and `log_variance`."""
    parts = (f"mean{name}", f"log_variance{name}")
    return {part: layers.Dense(code, name=part)(x) for part in parts}


def bernoulli_decoder(shape, code, filters, units, classes=None):
    """A model from a code `(n, code)` to logits of the image's pixels.

    With `classes` it takes `{"code": ..., "label": ...}`.
    """
    if not classes:
        return _unconditional(shape, code, filters, units, name="decoder")
    latent = keras.Input((code,), name="code")
    label, x = _with_label(latent, classes)
    logits = _unconditional(shape, x.shape[-1], filters, units, name="pixels")(x)
    return keras.Model({"code": latent, "label": label}, logits, name="decoder")


def _unconditional(shape, code, filters, units, name):
    if filters:
        return deconvolutional_decoder(
            code, shape, filters[::-1], hidden=(units,), activation="linear", name=name
        )
    latent = keras.Input((code,), name="code")
    x = layers.Dense(math.prod(shape), name="logits")(_perceptron(latent, units))
    return keras.Model(latent, layers.Reshape(shape, name="image")(x), name=name)


def _with_label(x, classes):
    """An input for class numbers, `(n,)`, and `x` `(n, c)` with what is learnt of the class behind it."""
    label = keras.Input((), dtype="int32", name="label")
    learnt = layers.Embedding(classes, LABEL_WIDTH, name="label_embedding")(label)
    return label, layers.Concatenate(name="with_label")([x, learnt])


def _perceptron(x, units):
    return layers.Dense(units, activation="tanh", name="hidden")(x)
