"""Kernels that hand a map of class scores on unchanged, to be learned from there.

Yu & Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2016, section 3,
equations 4 and 5, https://arxiv.org/abs/1511.07122
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class IdentityKernel(keras.initializers.Initializer):
    """A convolution's kernel whose centre copies groups of maps, with normal noise elsewhere.

    Between `c_in` and `c_out` maps, both multiples of `groups`, the centre tap from map `a` to map
    `b` is `groups / c_out` where `floor(a groups / c_in) = floor(b groups / c_out)`. All else is
    noise, which breaks the ties between maps of one group (equation 5). With as many maps as
    groups on both sides and no noise it is the identity (equation 4).

    Args:
        groups: Maps that are handed on: the classes.
        deviation: Standard deviation of the noise.
        seed: Of the noise.

    Shape `(height, width, c_in, c_out)`.

    Raises:
        ValueError: The shape's channels are no multiples of `groups`.
    """

    def __init__(self, groups, deviation=0.0, seed=None):
        self.groups, self.deviation, self.seed = groups, deviation, seed
        self._noise = keras.initializers.RandomNormal(stddev=deviation, seed=seed)

    def __call__(self, shape, dtype=None):
        height, width, c_in, c_out = shape
        if c_in % self.groups or c_out % self.groups:
            raise ValueError(
                f"an identity between {c_in} and {c_out} maps in groups={self.groups}: expected "
                f"multiples of {self.groups} on both sides. Give {self.groups} maps, or twice as many."
            )
        copied = ops.pad(self._copied(c_in, c_out), _around(height, width))
        kernel = ops.where(copied > 0, copied, self._noise(shape))
        return ops.cast(kernel, dtype or keras.config.floatx())

    def get_config(self):
        return {"groups": self.groups, "deviation": self.deviation, "seed": self.seed}

    def _copied(self, c_in, c_out):
        """The centre tap, `(1, 1, c_in, c_out)`."""
        sources = ops.arange(c_in) * self.groups // c_in
        targets = ops.arange(c_out) * self.groups // c_out
        same = ops.cast(sources[:, None] == targets, "float32")
        return (same * (self.groups / c_out))[None, None]


def _around(height, width):
    sides = [((size - 1) // 2, size - 1 - (size - 1) // 2) for size in (height, width)]
    return [*sides, (0, 0), (0, 0)]
