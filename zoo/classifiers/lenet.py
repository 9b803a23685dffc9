"""LeNet-1 and LeNet-5, from "Gradient-Based Learning Applied to Document Recognition".

LeCun, Bottou, Bengio & Haffner, Proceedings of the IEEE, 1998, section II.B,
http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf; LeNet-1 is the network of LeCun et al.,
"Handwritten Digit Recognition with a Back-Propagation Network", 1990
"""

import keras
from keras import layers

from zoo import arguments
from zoo.layers.convolution import conv_bn_relu
from zoo.layers.dense import dense_bn_relu
from zoo.layers.partial_connections import PartialConv2D
from zoo.layers.rbf_output import RBFOutput
from zoo.layers.scaled_tanh import scaled_tanh
from zoo.layers.stochastic_pooling import StochasticPooling2D
from zoo.layers.subsampling import TrainableSubsampling2D
from zoo.registry import architecture

# The maps that each map of the third layer sees: table I of 1998, and the table of 1990.
LENET5_TABLE = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *(tuple((i + j) % 6 for j in range(4)) for i in range(6)),
    *((i, i + 1, (i + 3) % 6, (i + 4) % 6) for i in range(3)),
    tuple(range(6)),
)
LENET1_TABLE = tuple(
    tuple(first + i for i in row) for first in (0, 2) for row in ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1))
)
CONNECTIONS = ("full", "published")
SUBSAMPLINGS = {"average": layers.AveragePooling2D, "trainable": TrainableSubsampling2D}
SQUASHINGS = {"tanh": "tanh", "scaled_tanh": scaled_tanh}
OUTPUTS = {"dense": layers.Dense, "radial": RBFOutput}


@architecture
def lenet5(
    input_shape=(28, 28, 1),
    classes=10,
    connections="full",
    subsampling="average",
    activation="tanh",
    output="dense",
):
    """LeNet-5 as published: 5 x 5 convolutions, average pooling, tanh.

    At the defaults C3 sees every map of S2, pooling has no weights, and the output layer is dense.

    Args:
        input_shape: `(height, width, channels)`; padded with zeros to 32 x 32 where smaller.
        classes: Width of the output; the model returns logits `(n, classes)`.
        connections: "full", or "published" for the partial connections of C3 (table I).
        subsampling: "average", or "trainable" for a coefficient, a bias and a squashing a map.
        activation: "tanh", or "scaled_tanh" for `1.7159 tanh(2 x / 3)` (equation 6).
        output: "dense", or "radial" for the negative distances to fixed codes (equation 7).

    61,706 parameters at the defaults; with every option as published, 60,000 trainable ones.
    """
    squash, subsample = _parts(activation, subsampling)
    classes, output = arguments.positive(classes, "classes"), arguments.choice(output, "output", OUTPUTS)
    image, x = padded_input(arguments.image_shape(input_shape))
    x = layers.Conv2D(6, 5, activation=squash, name="c1")(x)  # (n, 28, 28, 6)
    x = subsample(name="s2")(x)
    x = _connected(x, 16, LENET5_TABLE, connections, activation=squash, name="c3")  # (n, 10, 10, 16)
    x = subsample(name="s4")(x)
    x = layers.Conv2D(120, 5, activation=squash, name="c5")(x)  # (n, 1, 1, 120)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation=squash, name="f6")(x)
    return keras.Model(image, OUTPUTS[output](classes, name="logits")(x), name="lenet5")


@architecture
def lenet1(
    input_shape=(28, 28, 1),
    classes=10,
    connections="published",
    subsampling="trainable",
    activation="scaled_tanh",
):
    """LeNet-1: two 5 x 5 convolutions of 4 and 12 maps with subsampling, and one dense layer.

    Args:
        input_shape: `(height, width, channels)`; padded with zeros to 28 x 28 where smaller.
        classes: Width of the output; the model returns logits `(n, classes)`.
        connections: "published", where a map of H3 sees one or two maps of H2, or "full".
        subsampling: "trainable", a coefficient, a bias and a squashing a map, or "average".
        activation: "scaled_tanh", which is `1.7159 tanh(2 x / 3)`, or "tanh".

    2,578 parameters at the defaults, as published; 3,246 with full connections and average pooling.
    """
    squash, subsample = _parts(activation, subsampling)
    image, x = padded_input(arguments.image_shape(input_shape), 28)
    x = layers.Conv2D(4, 5, activation=squash, name="h1")(x)  # (n, 24, 24, 4)
    x = subsample(name="h2")(x)
    x = _connected(x, 12, LENET1_TABLE, connections, activation=squash, name="h3")  # (n, 8, 8, 12)
    x = subsample(name="h4")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="lenet1")


@architecture
def lenet5_modern(
    input_shape=(28, 28, 1), classes=10, dropout=0.0, drop_connect=0.0, stochastic_pooling=False
):
    """LeNet-5 with today's parts: batch normalisation, ReLU and max pooling.

    Args:
        input_shape: `(height, width, channels)`; padded with zeros to 32 x 32 where smaller.
        classes: Width of the output; the model returns logits `(n, classes)`.
        dropout: Fraction of F6's outputs to drop in training.
        drop_connect: Fraction of F6's weights to drop in training.
        stochastic_pooling: Whether S2 and S4 draw from their windows in training and give weighted
            averages at inference, in the place of maxima.

    62,384 parameters at the defaults, batch-norm statistics included.
    """
    image, x = padded_input(arguments.image_shape(input_shape))
    pooling = StochasticPooling2D if stochastic_pooling else layers.MaxPooling2D
    x = conv_bn_relu(x, 6, 5, padding="valid", name="c1")  # (n, 28, 28, 6)
    x = pooling(2, name="s2")(x)
    x = conv_bn_relu(x, 16, 5, padding="valid", name="c3")  # (n, 10, 10, 16)
    x = pooling(2, name="s4")(x)
    x = conv_bn_relu(x, 120, 5, padding="valid", name="c5")  # (n, 1, 1, 120)
    x = layers.Flatten(name="flatten")(x)
    x = dense_bn_relu(x, 84, name="f6", drop_connect=arguments.rate(drop_connect, "drop_connect"))
    x = layers.Dropout(arguments.rate(dropout, "dropout"), name="dropout")(x)
    x = layers.Dense(arguments.positive(classes, "classes"), name="logits")(x)
    return keras.Model(image, x, name="lenet5_modern")


def padded_input(shape, smallest=32):
    """The input of `shape`, and that input centred in at least `smallest` x `smallest` pixels."""
    image = keras.Input(shape, name="image")
    missing = [max(0, smallest - size) for size in shape[:2]]
    if not any(missing):
        return image, image
    padding = [(total // 2, total - total // 2) for total in missing]
    return image, layers.ZeroPadding2D(padding, name="pad")(image)


def _parts(activation, subsampling):
    """The squashing function, and a function that makes a layer which halves a map."""
    squash = SQUASHINGS[arguments.choice(activation, "activation", SQUASHINGS)]
    pooling = SUBSAMPLINGS[arguments.choice(subsampling, "subsampling", SUBSAMPLINGS)]
    options = {"activation": squash} if subsampling == "trainable" else {}
    return squash, lambda name: pooling(2, **options, name=name)


def _connected(x, filters, table, connections, **options):
    """A 5 x 5 convolution that sees the maps of `table`, or all of them."""
    if arguments.choice(connections, "connections", CONNECTIONS) == "full":
        return layers.Conv2D(filters, 5, **options)(x)
    return PartialConv2D(table, 5, **options)(x)
