"""The sparse autoencoder: more units than needed, of which few may be active at a time.

Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011, section 3
"""

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.autoencoders.dense import dense_decoder
from zoo.layers.dense import dense_bn_relu
from zoo.layers.sparsity import KINDS, ActivitySparsity
from zoo.registry import architecture

ACTIVATIONS = ("sigmoid", "relu")


@architecture(smallest={"input_shape": (8, 8, 1), "code": 24, "hidden": (32,)})
def sparse_autoencoder(
    input_shape=(28, 28, 1),
    code=1000,
    hidden=(),
    penalty="kl",
    weight=0.1,
    target=0.05,
    activation="sigmoid",
):
    """Dense layers with a penalty on the activity of each of the encoder's, and their mirror image.

    `ActivitySparsity` gives the formulas. The penalty is a sum over units, so its weight goes with a
    loss that is a sum over pixels.

    Args:
        input_shape: One to three sizes without the batch axis, such as `(height, width, channels)`.
        code: Width of the code, `(n, code)`.
        hidden: Units of the layers between the image and the code, mirrored in the decoder.
        penalty: "kl", "l1" or "l2".
        weight: Of the penalty: one number, or one for each of `hidden` and one for the code.
        target: Mean activity that each unit is held to: likewise one number or several. None, with
            "l1" or "l2", for a penalty on all activity.
        activation: Of the encoder: "sigmoid", or "relu" behind batch normalisation, which "kl" can't
            be a penalty of.

    Returns:
        An `Autoencoder` from examples to reconstructions in `[0, 1]` of the same shape.

    1,569,784 parameters at the defaults.
    """
    shape, code = arguments.shape(input_shape), arguments.positive(code, "code")
    widths = (*(arguments.positives(hidden, "hidden") if hidden else ()), code)
    arguments.choice(penalty, "penalty", KINDS)
    arguments.choice(activation, "activation", ACTIVATIONS)
    if penalty == "kl" and activation == "relu":
        raise ValueError(
            "penalty='kl' compares rates between 0 and 1, and activation='relu' gives larger values. Pass "
            "activation='sigmoid', or penalty='l1' or 'l2'."
        )
    weights, targets = _each(weight, "weight", len(widths)), _each(target, "target", len(widths))
    image = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(image)
    for name, width, *values in zip(_names(widths), widths, weights, targets, strict=True):
        x = _activated(x, width, activation, name)
        x = ActivitySparsity(penalty, *values, name=f"{name}_sparsity")(x)
    encode = keras.Model(image, x, name="encoder")
    decode = dense_decoder(shape, widths[-2::-1], code, activation)
    image = keras.Input(shape, name="image")
    return Autoencoder(image, decode(encode(image)), name="sparse_autoencoder")


def _activated(x, units, activation, name):
    """`(n, c)` to `(n, units)`; ReLU is normalised."""
    if activation == "relu":
        return dense_bn_relu(x, units, name=name)
    return layers.Dense(units, activation=activation, name=name)(x)


def _names(widths):
    return [*(f"hidden{i}" for i in range(1, len(widths))), "code"]


def _each(value, name, count):
    """One value for each of `count` layers."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count:
        raise ValueError(
            f"{name}={value!r}: expected one value, or {count}, one for each of hidden and one for the code. "
            f"Pass {name}={values[0] if values else None!r} for all."
        )
    return values
