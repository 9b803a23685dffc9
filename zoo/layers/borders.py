"""Zeros around an image until its strides divide it, and their removal at the end."""

from keras import layers


def padded_to_multiple(x, factor):
    """Zeros evenly around `x` where `factor` does not divide its height or width. Layer: `pad`.

    `(n, h, w, c)` to `(n, factor * ceil(h / factor), factor * ceil(w / factor), c)`.
    """
    missing = [-size % factor for size in x.shape[1:3]]
    if not any(missing):
        return x
    return layers.ZeroPadding2D(_halves(missing), name="pad")(x)


def cropped_to(x, size):
    """What `padded_to_multiple` added is cut off. Layer: `crop`.

    `(n, h, w, c)` to `(n, *size, c)`.
    """
    excess = [given - wanted for given, wanted in zip(x.shape[1:3], size, strict=True)]
    if not any(excess):
        return x
    return layers.Cropping2D(_halves(excess), name="crop")(x)


def _halves(totals):
    return [(total // 2, total - total // 2) for total in totals]
