"""What JPEG and JPEG 2000 make of images: how many bytes, and which pixels come back.

Headers weigh more than a small picture, so images are stored in two ways: each in a file of its own, and
all side by side on one sheet, where the headers and the entropy coder's tables cost next to nothing. On
the sheet images touch: padding each to whole blocks of 8 × 8 pixels makes both formats larger, not
smaller, at the same quality.
"""

import io
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from recipes.errors import RecipeError


class Format(NamedTuple):
    """An image format.

    Attributes:
        pillow: Its name in Pillow.
        settings: What is asked of it, from the smallest file to the best picture.
        options: From a setting to options of `PIL.Image.Image.save`.
    """

    pillow: str
    settings: tuple[int, ...]
    options: Callable[[int], dict]


FORMATS = {
    "jpeg": Format(
        "JPEG", (1, 3, 5, 8, 12, 18, 26, 38, 55, 75, 92), lambda q: {"quality": q, "optimize": True}
    ),
    "jpeg2000": Format(
        "JPEG2000",
        (14, 16, 18, 20, 22, 24, 27, 30, 34, 38, 44),  # dB
        lambda d: {"quality_mode": "dB", "quality_layers": [d], "irreversible": True, "no_jp2": True},
    ),
}


def check_channels(shape):
    """Raises a `RecipeError` where images of `shape`, `(h, w, c)`, have neither one channel nor three."""
    if shape[-1] not in (1, 3):
        raise RecipeError(
            f"images of {shape[-1]} channels are none that JPEG stores; task=compression compares with it and "
            "takes grey or colour images, of 1 or 3 channels"
        )


def on_a_sheet(name, images):
    """Images `(n, h, w, c)` uint8 stored as one picture.

    Yields:
        For each setting of the format `name`: the setting, the bytes that all images take together, and
        the images that come back.
    """
    for setting, content, picture in _stored(name, sheet(images)):
        yield setting, len(content), pieces(picture, images.shape)


def in_files(name, images):
    """As `on_a_sheet`, each image by itself."""
    for same in zip(*(_stored(name, image) for image in images), strict=True):
        settings, contents, pictures = zip(*same, strict=True)
        yield settings[0], sum(map(len, contents)), np.stack(pictures)


def sheet(images):
    """Images `(n, h, w, c)` side by side on a square as small as can be, black where none is left."""
    n, height, width, channels = images.shape
    side = math.ceil(math.sqrt(n))
    blank = np.zeros((side * side - n, height, width, channels), images.dtype)
    rows = np.concatenate([images, blank]).reshape(side, side, height, width, channels)
    return rows.swapaxes(1, 2).reshape(side * height, side * width, channels)


def pieces(picture, shape):
    """The images, `shape` in all, of the sheet that `sheet` made of them."""
    n, height, width, channels = shape
    side = picture.shape[0] // height
    rows = picture.reshape(side, height, side, width, channels).swapaxes(1, 2)
    return rows.reshape(-1, height, width, channels)[:n]


def _stored(name, image):
    """Each setting, the bytes of an image `(h, w, c)` uint8, and the image that comes back."""
    from PIL import Image

    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    form = FORMATS[name]
    for setting in form.settings:
        content = io.BytesIO()
        picture.save(content, form.pillow, **form.options(setting))
        yield setting, content.getvalue(), np.asarray(Image.open(content)).reshape(image.shape)
