"""Elastic deformation: pixels displaced by smooth random fields.

Simard, Steinkraus & Platt, "Best Practices for Convolutional Neural Networks Applied to Visual
Document Analysis", ICDAR 2003, section 2, https://doi.org/10.1109/ICDAR.2003.1227801
"""

import math

import keras
import numpy as np
from keras import ops

from recipes.data.augmentation.gathering import interpolated
from recipes.data.augmentation.seeded import SeededLayer


@keras.saving.register_keras_serializable("recipes")
class RandomElasticDeformation(SeededLayer):
    """Reads each pixel at a displaced place, bilinearly, in training only; zero outside the image.

    The vertical and the horizontal displacements are `alpha (G * u)` with `u` uniform in [-1, 1] at each
    pixel and G a Gaussian of unit sum: for `sigma` well inside the image their standard deviation is
    `alpha / (sigma sqrt(12 pi))` pixels.

    Args:
        alpha: Strength in pixels.
        sigma: Standard deviation of the Gaussian in pixels.
        seed: Of the fields.

    `(n, h, w, c)` to the same shape.
    """

    def __init__(self, alpha, sigma, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.alpha, self.sigma = alpha, sigma

    def changed(self, images):
        _, height, width, _ = images.shape
        down, right = self.displacements(ops.shape(images)[0], height, width)
        rows = ops.reshape(ops.arange(height, dtype="float32"), (1, -1, 1)) + down
        columns = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, -1)) + right
        return interpolated(images, rows, columns)

    def displacements(self, n, height, width):
        """New vertical and horizontal displacements in pixels, `(n, height, width)` each."""
        shape = (2 * n, height, width, 1)
        noise = keras.random.uniform(shape, -1.0, 1.0, dtype="float32", seed=self.seed_generator)
        bell = self._bell(max(height, width))
        for kernel in (bell.reshape(-1, 1, 1, 1), bell.reshape(1, -1, 1, 1)):
            noise = ops.conv(noise, kernel, padding="same", data_format="channels_last")
        fields = ops.reshape(self.alpha * noise, (2, n, height, width))
        return fields[0], fields[1]

    def _bell(self, size):
        """A Gaussian of unit sum, cut off at three standard deviations or at the image's size."""
        reach = min(math.ceil(3 * self.sigma), size)
        bell = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / self.sigma))
        return (bell / bell.sum()).astype("float32")

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "sigma": self.sigma}
