"""Pooling and resizing."""

import numpy as np
from keras import ops

from .operand import activated, merged, stacked

SHARES = 2**11  # the integer kernel's weights are multiples of one part of these


def _pool(function):
    def apply(operands, options, shape):
        y = function(
            merged(operands[0].value),
            (options["filterHeight"], options["filterWidth"]),
            strides=(options["strideH"], options["strideW"]),
            padding=options["padding"].lower(),
            data_format="channels_last",
        )
        return stacked(activated(y, options.get("fusedActivationFunction")), shape)

    return apply


def _resize(weights):
    """Along each axis a product with the matrix of the weights of the old pixels in the new ones."""

    def apply(operands, options, shape):
        x = merged(operands[0].value)  # (n, height, width, channels)
        for axis in (1, 2):
            matrix = weights(x.shape[axis], shape[axis], options["alignCorners"], options["halfPixelCenters"])
            x = ops.moveaxis(ops.tensordot(x, matrix, axes=((axis,), (1,))), -1, axis)
        return stacked(x, shape)

    return apply


def _bilinear(old, new, align_corners, half_pixels):
    """`(new, old)`: each new pixel is between two old ones."""
    place = _places(old, new, align_corners, half_pixels)
    place = np.clip(place, 0, old - 1)
    low = np.floor(place).astype(int)
    share = np.rint((place - low) * SHARES) / SHARES
    matrix = np.zeros((new, old), np.float32)
    rows = np.arange(new)
    np.add.at(matrix, (rows, low), 1 - share)
    np.add.at(matrix, (rows, np.minimum(low + 1, old - 1)), share)
    return matrix


def _nearest(old, new, align_corners, half_pixels):
    """`(new, old)`: each new pixel is one old one."""
    scale = (old - 1) / (new - 1) if align_corners and new > 1 else old / new
    place = (np.arange(new) + (0.5 if half_pixels else 0.0)) * scale
    chosen = np.floor(place + 0.5) if align_corners else np.floor(place)
    return np.eye(old, dtype=np.float32)[np.clip(chosen, 0, old - 1).astype(int)]


def _places(old, new, align_corners, half_pixels):
    if align_corners and new > 1:
        return np.arange(new) * ((old - 1) / (new - 1))
    if half_pixels:
        return (np.arange(new) + 0.5) * (old / new) - 0.5
    return np.arange(new) * (old / new)


SEMANTICS = {
    "AVERAGE_POOL_2D": _pool(ops.average_pool),
    "MAX_POOL_2D": _pool(ops.max_pool),
    "RESIZE_BILINEAR": _resize(_bilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resize(_nearest),
}
