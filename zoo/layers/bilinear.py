"""Bilinear interpolation as the starting point of a transposed convolution.

Long, Shelhamer & Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015,
section 3.3, https://arxiv.org/abs/1411.4038
"""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class BilinearKernel(keras.initializers.Initializer):
    """Kernel of a `Conv2DTranspose` that enlarges each channel by bilinear interpolation.

    A side of `2f` (or `2f - 1`) taps enlarges by a stride of `f`: tap `i` weighs
    `1 - |i - centre| / f`, and the kernel is the product of its two sides for equal channels, zero
    between different ones. Shape `(height, width, filters, channels)`.
    """

    def __call__(self, shape, dtype=None):
        height, width, filters, channels = shape
        window = tent(height)[:, None] * tent(width)  # (height, width)
        kernel = window[..., None, None] * np.eye(filters, channels)
        return ops.convert_to_tensor(kernel.astype("float32"), dtype=dtype)

    def get_config(self):
        return {}


def tent(size):
    """Weights `(size,)` that fall linearly from the centre and would be zero one tap outside."""
    factor = (size + 1) // 2
    centre = (size - 1) / 2
    return 1 - np.abs(np.arange(size) - centre) / factor
