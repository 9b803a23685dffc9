"""The nearest entry of a codebook in the place of each vector.

van den Oord, Vinyals & Kavukcuoglu, "Neural Discrete Representation Learning", 2017,
https://arxiv.org/abs/1711.00937
"""

import math

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class VectorQuantizer(keras.layers.Layer):
    """Replaces each vector by the codebook's entry with the smallest Euclidean distance (equation 1).

    In training the gradient of an entry is passed on to the vector in whose place it stands (section
    3.2). Added to the model's losses are the squared distance that draws the entries to the vectors and,
    times `commitment`, the one that draws the vectors to the entries (equation 3), each the mean over
    all vectors.

    Args:
        entries: Size of the codebook. In 8 bits at most 255 can be told apart.
        commitment: Weight of the second distance, `beta`; 0.25 in the paper.

    `(n, ..., c)` to the same shape; the codebook, `codebook`, is `(entries, c)`.

    Raises:
        ValueError: `entries` is no positive integer, or `commitment` is not positive.
    """

    def __init__(self, entries=512, commitment=0.25, **kwargs):
        super().__init__(**kwargs)
        self.entries = arguments.positive(entries, "entries")
        self.commitment = arguments.weight(commitment, "commitment")

    def build(self, input_shape):
        self.codebook = self.add_weight(
            name="codebook",
            shape=(self.entries, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )

    def call(self, inputs, training=False):
        codebook = ops.convert_to_tensor(self.codebook)
        nearest = ops.matmul(ops.cast(self.chosen(inputs), codebook.dtype), codebook)
        nearest = ops.reshape(nearest, ops.shape(inputs))
        self.add_loss(_distance(ops.stop_gradient(inputs), nearest))
        self.add_loss(self.commitment * _distance(inputs, ops.stop_gradient(nearest)))
        # Exactly the entry, with the gradient of the input.
        return ops.stop_gradient(nearest) + inputs - ops.stop_gradient(inputs) if training else nearest

    def chosen(self, inputs):
        """1 for the nearest entry of each vector, the first of them in a tie, else 0: `(vectors, entries)`.

        By comparisons with the minimum, which stay in integers on the edge, as no operator that gives its
        position does. In 8 bits ties are common.
        """
        inputs, codebook = (ops.stop_gradient(ops.cast(x, "float32")) for x in (inputs, self.codebook))
        inputs = ops.reshape(inputs, (-1, inputs.shape[-1]))
        # Half the squared distance, but for the square of the vector, which is the same for every entry. As a
        # product with a bias it is rounded once in 8 bits: the product by itself would be rounded before.
        distance = ops.matmul(inputs, -ops.transpose(codebook)) + ops.sum(ops.square(codebook), axis=-1) / 2
        # Numbers from 0 to 1: LiteRT's integer comparison takes no scale of 1 or more.
        number = ops.reshape(ops.arange(self.entries, dtype="float32") / self.entries, (1, self.entries))
        number = ops.where(_is_least(distance), number, ops.ones_like(number))
        return ops.where(_is_least(number), ops.ones_like(number), ops.zeros_like(number))

    def indices(self, inputs):
        """The number of the nearest entry of each vector: `(n, ..., c)` to integers `(n, ...)`."""
        return ops.reshape(ops.argmax(self.chosen(inputs), axis=-1), ops.shape(inputs)[:-1])

    def compute_output_shape(self, input_shape):
        return input_shape

    def macs(self, input_shape, output_shape):
        """A product of each vector with each entry, and one of each choice with each entry."""
        return 2 * math.prod(input_shape) * self.entries

    def get_config(self):
        return {**super().get_config(), "entries": self.entries, "commitment": self.commitment}


def _is_least(values):
    """Where values are the least of their row."""
    return ops.equal(values, ops.min(values, axis=-1, keepdims=True))


def _distance(inputs, nearest):
    """Squared distances, the mean over all vectors."""
    difference = ops.cast(inputs, "float32") - ops.cast(nearest, "float32")
    return ops.mean(ops.sum(ops.square(difference), axis=-1))
