"""How alike two pictures are, by the two measures that the field reports; images in [0, 1].

Wang, Bovik, Sheikh & Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
Similarity", 2004, with the window of its section III-B; scikit-image computes it.
"""

import numpy as np

SMALLEST = 3  # pixels a side of an image whose structure can be compared
_WINDOW, _SIGMA = 11, 1.5  # pixels: the published Gaussian window
_SMALL_WINDOW = 7  # pixels, evenly weighted, where the published window does not fit
_LEAST_ERROR = 1e-12  # mean squared error of a perfect copy, so that its ratio is finite: 120 dB


def psnr(originals, copies):
    """Peak signal-to-noise ratio of each copy in dB, for a peak of 1: two `(n, ...)` to `(n,)`."""
    errors = np.square(np.asarray(originals, np.float64) - np.asarray(copies, np.float64))
    means = errors.reshape(len(errors), -1).mean(1)
    return -10 * np.log10(np.maximum(means, _LEAST_ERROR))


def ssim(originals, copies):
    """Structural similarity of each copy, at most 1, the mean over channels: two `(n, h, w, c)` to `(n,)`.

    The window is a Gaussian of 11×11 pixels with a standard deviation of 1.5. Where an image is smaller
    than that, it is a square of even weights instead, 7×7 or the largest of odd side that fits.

    Raises:
        ValueError: The images are smaller than 3×3 pixels, or are not `(n, h, w, c)`.
    """
    from skimage.metrics import structural_similarity

    shape = np.shape(originals)
    if len(shape) != 4 or min(shape[1:3]) < SMALLEST:
        raise ValueError(
            f"structural similarity of {shape}: expected (n, height, width, channels) of at least 3×3 pixels. "
            "Quote psnr for other data."
        )
    options = {"data_range": 1.0, "channel_axis": -1, **_window(min(shape[1:3]))}
    pairs = zip(np.asarray(originals, np.float32), np.asarray(copies, np.float32), strict=True)
    return np.array([structural_similarity(a, b, **options) for a, b in pairs])


def _window(side):
    """The options of scikit-image for images whose shorter side is `side`."""
    if side >= _WINDOW:
        return {"gaussian_weights": True, "sigma": _SIGMA, "use_sample_covariance": False}
    return {"win_size": min(_SMALL_WINDOW, side - 1 + side % 2), "use_sample_covariance": False}
