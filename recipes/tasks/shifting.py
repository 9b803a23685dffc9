"""Shift consistency: how often a classifier says the same of an image and of that image shifted.

After Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, section 4.2,
https://arxiv.org/abs/1904.11486, with two differences: the shift is circular, so that no pixel is lost
or made up, and the image is compared as it is with one shift of it, not two shifts with each other.
"""

import numpy as np

LARGEST = 1 / 8  # of an image's height and width: little enough to leave a centred object whole
IMAGES = 1000  # at most, evenly spread: a tenth of the cost of scoring 10,000 images
_SEED = 20190428  # every model and file is asked about the same shifts
_BATCH = 256


class ShiftConsistency:
    """Collects images and what was said of them, then asks about their shifted selves.

    Args:
        every: Distance between the images that are taken; `spacing` gives it.
    """

    def __init__(self, every):
        self.every, self._seen = every, 0
        self._images, self._classes = [], []

    def see(self, images, logits):
        """Takes some of `images`, `(n, h, w, c)`, with the classes that `logits` name."""
        chosen = np.arange(-self._seen % self.every, len(images), self.every)
        self._seen += len(images)
        self._images.append(images[chosen])
        self._classes.append(logits[chosen].argmax(-1))

    def result(self, predict):
        """The share of images whose class `predict` still names when they are shifted."""
        moved = shifted(np.concatenate(self._images))
        parts = [moved[i : i + _BATCH] for i in range(0, len(moved), _BATCH)]
        classes = np.concatenate([np.asarray(predict(part)).argmax(-1) for part in parts])
        return float(np.mean(classes == np.concatenate(self._classes)))


def spacing(count):
    """The distance between images at which at most `IMAGES` of `count` are taken."""
    return max(1, -(-count // IMAGES))


def shifted(images):
    """Images `(n, h, w, c)`, each moved circularly by whole pixels, at most `LARGEST` of its size.

    Shifts are drawn evenly, with a fixed seed, from all but the one that moves nothing.
    """
    reach = [max(1, int(size * LARGEST)) for size in images.shape[1:3]]
    moves = [(y, x) for y in _around(reach[0]) for x in _around(reach[1]) if y or x]
    drawn = np.random.default_rng(_SEED).integers(len(moves), size=len(images))
    return np.stack([np.roll(image, moves[i], axis=(0, 1)) for image, i in zip(images, drawn, strict=True)])


def _around(reach):
    return range(-reach, reach + 1)
