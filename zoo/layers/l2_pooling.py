"""Pooling by the Euclidean norm.

Le, Karpenko, Ngiam & Ng, "ICA with Reconstruction Cost for Efficient Overcomplete Feature
Learning", 2011; Boureau, Ponce & LeCun, "A Theoretical Analysis of Feature Pooling in
Visual Recognition", 2010, where it lies between the average and the maximum.
"""

import keras
from keras import ops

from zoo.layers.pooling import WindowPooling2D

# Below it the root's slope would overflow; a norm of 1e-6 or less has no gradient.
SMALLEST_SUM = 1e-12


@keras.saving.register_keras_serializable("zoo")
class L2Pooling2D(WindowPooling2D):
    """The root of the sum of squares in each window, a channel at a time: `sqrt(sum_i a_i^2)`.

    The sum, not the mean: a window of one place keeps the magnitude. The arguments are those of
    `WindowPooling2D`: `pool_size`, `strides`, `padding`, `data_format`.

    `(n, h, w, c)` to `(n, rows, columns, c)`, or the same with channels first.
    """

    def pooled(self, maps, training):
        # Squares overflow in float16.
        wide = ops.cast(maps, keras.backend.result_type(maps.dtype, "float32"))
        squares = self.geometry.padded(ops.square(wide))
        means = ops.average_pool(squares, self.pool_size, self.strides, "valid", data_format="channels_last")
        sums = means * (self.pool_size[0] * self.pool_size[1])
        return ops.cast(ops.sqrt(ops.maximum(sums, SMALLEST_SUM)), maps.dtype)
