"""The filters that a denoising model is compared with, each of the size that suits the noise best."""

import numpy as np

from recipes.tasks.similarity import psnr

SIZES = {"median_filter": (3, 5, 7), "gaussian_filter": (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)}


def filtered(images, name, size):
    """Images `(n, h, w, c)` behind a filter of `SIZES`, with values in [0, 1].

    The size of a median filter is the side of its window, that of a Gaussian filter its standard
    deviation, both in pixels. Pixels outside are the nearest ones inside.
    """
    from scipy import ndimage

    if name == "median_filter":
        smooth = ndimage.median_filter(images, (1, size, size, 1), mode="nearest")
    else:
        smooth = ndimage.gaussian_filter(images, (0, size, size, 0), mode="nearest")
    return np.clip(smooth, 0, 1)


def best_sizes(clean, noisy):
    """By filter, the size at which it brings `noisy` nearest to `clean`, in mean PSNR."""
    return {
        name: max(sizes, key=lambda size: psnr(clean, filtered(noisy, name, size)).mean())
        for name, sizes in SIZES.items()
    }
