"""The noises that a denoising autoencoder is trained to remove.

Vincent, Larochelle, Lajoie, Bengio & Manzagol, "Stacked Denoising Autoencoders: Learning Useful
Representations in a Deep Network with a Local Denoising Criterion", JMLR 11, 2010, section 3.3.
Its third kind, additive Gaussian noise, is `keras.layers.GaussianNoise`.
"""

import keras
from keras import ops


def noise_level(value, name="level"):
    """How strong noise is: its standard deviation, or the share of values it hits; in `[0, 1)`.

    Raises:
        ValueError: `value` is no such number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(
            f"{name}={value!r}: expected the strength of the noise, at least 0 and below 1: the share of "
            f"values it hits, or its standard deviation. Pass {name}=0.25 for a quarter."
        )
    return float(value)


class _Noise(keras.layers.Layer):
    """Corrupts in training with `self.level`; hands its input on at inference."""

    def __init__(self, level, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.level = noise_level(level)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        return self.corrupted(inputs) if training and self.level else inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "level": self.level, "seed": self.seed}

    def _uniform(self, inputs):
        """A number in `[0, 1)` for each value of `inputs`."""
        return keras.random.uniform(ops.shape(inputs), dtype="float32", seed=self.seed_generator)


@keras.saving.register_keras_serializable("zoo")
class MaskingNoise(_Noise):
    """Sets values to 0 in training, each with probability `level`; the others keep their size.

    Dropout, in contrast, divides what stays by `1 - level`.

    Args:
        level: Share of the values that are lost.
        seed: An integer for a repeatable sequence of draws.

    Any shape to the same shape.

    Raises:
        ValueError: `level` is not at least 0 and below 1.
    """

    def corrupted(self, inputs):
        return masked(inputs, self._uniform(inputs), self.level)


@keras.saving.register_keras_serializable("zoo")
class SaltAndPepperNoise(_Noise):
    """Sets values to 0 or to 1, either as likely, in training, each with probability `level`.

    Args:
        level: Share of the values that are hit.
        seed: An integer for a repeatable sequence of draws.

    Any shape, of values in `[0, 1]`, to the same shape.

    Raises:
        ValueError: `level` is not at least 0 and below 1.
    """

    def corrupted(self, inputs):
        return salted(inputs, self._uniform(inputs), self.level)


@keras.saving.register_keras_serializable("zoo")
class AnyNoise(_Noise):
    """Gives each example of a batch Gaussian, masking or salt-and-pepper noise in training.

    The three are equally likely, so that one model learns to remove all of them.

    Args:
        level: Standard deviation of the Gaussian noise, and share of the values that the others hit.
        seed: An integer for a repeatable sequence of draws.

    `(n, ...)`, of values in `[0, 1]`, to the same shape.

    Raises:
        ValueError: `level` is not at least 0 and below 1.
    """

    def corrupted(self, inputs):
        n = ops.shape(inputs)[0]
        each = (n,) + (1,) * (len(inputs.shape) - 1)
        kind = keras.random.randint(each, 0, 3, seed=self.seed_generator)
        draws = self._uniform(inputs)
        gaussian = keras.random.normal(ops.shape(inputs), dtype=inputs.dtype, seed=self.seed_generator)
        hit = ops.where(kind == 1, masked(inputs, draws, self.level), salted(inputs, draws, self.level))
        return ops.where(kind == 0, inputs + self.level * gaussian, hit)


def masked(inputs, draws, level):
    """`inputs` with 0 where `draws`, uniform on `[0, 1)` and of the same shape, are below `level`."""
    return ops.where(draws < level, ops.zeros_like(inputs), inputs)


def salted(inputs, draws, level):
    """`inputs` with 0 where `draws` are below half of `level`, and 1 where they are below `level`."""
    return ops.where(draws < level, ops.cast(draws >= level / 2, inputs.dtype), inputs)
