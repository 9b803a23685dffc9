"""A code that noise has taught to be bits.

Salakhutdinov & Hinton, "Semantic hashing", International Journal of Approximate Reasoning 50, 2009
"""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class BinaryCode(keras.layers.Layer):
    """`sigmoid(x + noise * e)` with `e` of `N(0, 1)` in training; `sigmoid(x)` at inference.

    What a unit says by being a little more or less on is lost in the noise, so that training drives
    it far off or far on, and a threshold takes little of what the code says. The threshold of 1/2 is
    for whoever stores the code: inside a file it would make a whole bit of any rounding error close to
    it, on which no two precisions agree.

    Args:
        noise: Standard deviation of the noise; the paper has 4.
        seed: An integer for a repeatable sequence of noise.

    `(n, code)` to the same shape, in `[0, 1]`.

    Raises:
        ValueError: `noise` is not positive.
    """

    def __init__(self, noise=4.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.noise = arguments.weight(noise, "noise")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if training:
            drawn = keras.random.normal(ops.shape(inputs), dtype=inputs.dtype, seed=self.seed_generator)
            inputs = inputs + self.noise * drawn
        return ops.sigmoid(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "noise": self.noise, "seed": self.seed}
