"""Pooling that draws one activation of each window.

Zeiler & Fergus, "Stochastic Pooling for Regularization of Deep Convolutional Neural Networks",
2013, https://arxiv.org/abs/1301.3557
"""

import keras
from keras import ops

from zoo.layers.pooling import WindowPooling2D


@keras.saving.register_keras_serializable("zoo")
class StochasticPooling2D(WindowPooling2D):
    """Draws one activation of each window in training; gives the weighted average at inference.

    With `p_i = a_i / sum_k a_k` (equation 4), training takes `a_l`, `l` drawn from the multinomial
    of `p` (equation 5), a channel at a time; inference takes `sum_i p_i a_i` (equation 6). The
    activations are those of a ReLU: a negative one counts as 0, and a window of zeros gives 0.

    Args:
        pool_size, strides, padding, data_format: As for `WindowPooling2D`.
        seed: An integer for a repeatable sequence of draws.

    `(n, h, w, c)` to `(n, rows, columns, c)`, or the same with channels first.
    """

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, seed=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def pooled(self, maps, training):
        taps = self.geometry.taps(ops.relu(maps))
        total = sum(taps[1:], start=taps[0])
        return self._drawn(taps, total) if training else _weighted(taps, total)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}

    def _drawn(self, taps, total):
        """The tap in whose part of `[0, total)` a uniform number falls."""
        share = keras.random.uniform(ops.shape(total), dtype=total.dtype, seed=self.seed_generator)
        threshold, before, drawn = share * total, ops.zeros_like(total), ops.zeros_like(total)
        for tap in taps:
            # Parts of no length are passed by, also where rounding puts the number at the very end.
            reached = ops.logical_and(before <= threshold, tap > 0)
            drawn = ops.where(reached, tap, drawn)
            before = before + tap
        return drawn


def _weighted(taps, total):
    safe = ops.where(ops.equal(total, 0), 1.0, total)
    terms = [tap * (tap / safe) for tap in taps]
    return sum(terms[1:], start=terms[0])
