"""Pixels read from other places, a place an image and pixel."""

from keras import ops


def gathered(images, rows, columns):
    """The pixels at whole `rows` and `columns`, both `(n, a, b)`, of `(n, h, w, c)`: `(n, a, b, c)`."""
    _, height, width, channels = images.shape
    number = ops.reshape(ops.arange(ops.shape(images)[0], dtype="int32"), (-1, 1, 1))
    places = (number * height + rows) * width + columns
    return ops.take(ops.reshape(images, (-1, channels)), places, axis=0)


def interpolated(images, rows, columns):
    """`gathered` between pixels, bilinearly; zero outside the image."""
    top, left = ops.floor(rows), ops.floor(columns)
    down, right = rows - top, columns - left
    corners = [
        (top, left, (1 - down) * (1 - right)),
        (top, left + 1, (1 - down) * right),
        (top + 1, left, down * (1 - right)),
        (top + 1, left + 1, down * right),
    ]
    return sum(_weighted(images, *corner) for corner in corners)


def _weighted(images, rows, columns, weights):
    height, width = images.shape[1:3]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = ops.clip(rows, 0, height - 1), ops.clip(columns, 0, width - 1)
    pixels = gathered(images, ops.cast(rows, "int32"), ops.cast(columns, "int32"))
    weights = ops.where(inside, weights, 0.0)
    return ops.expand_dims(ops.cast(weights, images.dtype), -1) * pixels
