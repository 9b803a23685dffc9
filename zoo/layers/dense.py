"""Dense layers with batch normalisation, and the head that most classifiers end in."""

from keras import layers

from zoo.layers.drop_connect import DropConnectDense
from zoo.layers.normalization import batch_norm


def dense_bn_relu(x, units, *, name, drop_connect=0.0):
    """`(n, c)` to `(n, units)`. Layers: `{name}_dense`, `{name}_bn`, `{name}_relu`.

    `drop_connect` is the fraction of weights to drop in training.
    """
    options = {"use_bias": False, "kernel_initializer": "he_normal", "name": f"{name}_dense"}
    if drop_connect:
        x = DropConnectDense(units, drop_connect, **options)(x)
    else:
        x = layers.Dense(units, **options)(x)
    x = batch_norm(x, f"{name}_bn")
    return layers.ReLU(name=f"{name}_relu")(x)


def dropped_hidden(x, units, dropout):
    """Two dense layers with ReLU, each behind dropout: `(n, c)` to `(n, units)`.

    Layers: `dropout1`, `hidden1`, `dropout2`, `hidden2`.
    """
    for i in (1, 2):
        x = layers.Dropout(dropout, name=f"dropout{i}")(x)
        # Uniform: a hundred million truncated normal numbers take seconds to draw.
        x = layers.Dense(units, activation="relu", kernel_initializer="he_uniform", name=f"hidden{i}")(x)
    return x


def pooled_logits(x, classes, dropout):
    """Global average pooling, dropout and a dense layer: `(n, h, w, c)` to `(n, classes)`."""
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, c)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, name="logits")(x)
