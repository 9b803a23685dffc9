"""Dense layers with batch normalisation, and the head that most classifiers end in."""

from keras import layers

from zoo.layers.normalization import batch_norm


def dense_bn_relu(x, units, *, name):
    """`(n, c)` to `(n, units)`. Layers: `{name}_dense`, `{name}_bn`, `{name}_relu`."""
    x = layers.Dense(
        units, use_bias=False, kernel_initializer="he_normal", name=f"{name}_dense"
    )(x)
    x = batch_norm(x, f"{name}_bn")
    return layers.ReLU(name=f"{name}_relu")(x)


def pooled_logits(x, classes, dropout):
    """Global average pooling, dropout and a dense layer: `(n, h, w, c)` to `(n, classes)`."""
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, c)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, name="logits")(x)
