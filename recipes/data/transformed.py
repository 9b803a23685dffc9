"""Figures turned, scaled and put somewhere on a larger image: data for spatial transformers.

Jaderberg et al., "Spatial Transformer Networks", 2015, section 4.1, the set called RTS,
https://arxiv.org/abs/1506.02025: turned by up to 45 degrees either way, scaled by 0.7 to 1.2, at a random
place of a 42 × 42 image.
"""

import math

import numpy as np
from PIL import Image

ANGLE = 45.0  # degrees, either way
SCALES = (0.7, 1.2)
_TOLD_EVERY = 1024


def draw(figures, size, rng, tell=lambda done, total: None):
    """One transformed image a figure, in the figures' order.

    Args:
        figures: A `recipes.data.prepared.Split` of uint8 images `(n, h, w, 1)` with one figure each.
        size: `(height, width)` of an image.
        rng: A NumPy generator, the only source of chance.
        tell: Called as `tell(done, total)`.

    Returns:
        `(x, y)`: uint8 `(n, *size, 1)` and int32 `(n,)`.
    """
    count = len(figures.y)
    x = np.empty((count, *size, 1), np.uint8)
    for i in range(count):
        angle, scale = math.radians(rng.uniform(-ANGLE, ANGLE)), rng.uniform(*SCALES)
        x[i, ..., 0] = placed(figures.x[i, ..., 0], angle, scale, size, rng.uniform(size=2))
        if (i + 1) % _TOLD_EVERY == 0 or i + 1 == count:
            tell(i + 1, count)
    return x, np.array(figures.y, np.int32)


def placed(image, angle, scale, size, position):
    """`image` `(h, w)` turned about the middle of its ink, scaled and moved, by bilinear sampling.

    Args:
        angle: In radians; positive turns anticlockwise.
        scale: Factor of its size.
        size: `(height, width)` of the result; what is outside the image is zero.
        position: Two numbers in [0, 1]: where between the places at which all ink is within the result,
            from top to bottom and from left to right. What fits nowhere is centred.
    """
    image = np.pad(image, 1)  # sampling fades out at the borders
    middle, half = _ink(image)
    cosine, sine = math.cos(angle), math.sin(angle)
    reach = scale * np.array([half[0] * cosine + half[1] * abs(sine), half[1] * cosine + half[0] * abs(sine)])
    room = np.maximum(np.array(size) - 2 * reach, 0)
    target = np.where(room > 0, reach + room * position, np.array(size) / 2)
    # Rows of the inverse map: a point of the result, (x, y), to the point of the image it shows.
    across = np.array([cosine, -sine]) / scale
    down = np.array([sine, cosine]) / scale
    offset = [middle[1] - across @ target[::-1], middle[0] - down @ target[::-1]]
    coefficients = (*across, offset[0], *down, offset[1])
    turned = Image.fromarray(image).transform(
        tuple(size[::-1]), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    return np.asarray(turned)


def _ink(image):
    """Middle and half the extent of the ink, `(y, x)` each, in pixels from the corner."""
    spans = [np.flatnonzero(image.any(axis)) for axis in (1, 0)]
    if not len(spans[0]):
        return [side / 2 for side in image.shape], [0.0, 0.0]
    ends = [(span[0], span[-1] + 1) for span in spans]
    return [(a + b) / 2 for a, b in ends], [(b - a) / 2 for a, b in ends]
