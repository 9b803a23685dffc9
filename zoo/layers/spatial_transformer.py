"""The sampler of a spatial transformer: an affine view of an image, differentiable in the view.

Jaderberg, Simonyan, Zisserman & Kavukcuoglu, "Spatial Transformer Networks", 2015, sections 3.2 and
3.3, https://arxiv.org/abs/1506.02025
"""

import math

import keras
import numpy as np
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class SpatialTransformer(keras.layers.Layer):
    """Samples an image at the points of a regular grid that an affine map has moved.

    The output's pixel at `(x_t, y_t)` is read at `(x_s, y_s) = theta (x_t, y_t, 1)` (equation 1),
    all four in coordinates that are -1 and 1 at the centres of the first and last pixels. Reading is
    bilinear (equation 5): `V = sum_nm U_nm max(0, 1 - |x_s - m|) max(0, 1 - |y_s - n|)` with
    `x_s, y_s` in pixels, so that it is black outside the image.

    The two factors of equation 5 are matrices, and sampling is their product with the image: no
    pixel is looked up, which an integer file could not do. In training the gradient where the
    coordinate is a whole number, as everywhere under the identity, is the mean of both sides'.

    Args:
        output_size: `(height, width)` of the output, one integer for both; None keeps the image's.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    Called with images `(n, h, w, c)` and `(n, 6)`, the rows of theta one after the other; gives
    `(n, *output_size, c)`. `IdentityMap` gives the theta that changes nothing.

    Raises:
        ValueError: `output_size` is not one or two positive integers, or a size is not known when
            the layer is built.
    """

    def __init__(self, output_size=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = None if output_size is None else arguments.pair(output_size, "output_size")
        self.data_format = data_format or keras.config.image_data_format()

    def build(self, images_shape, theta_shape):
        if len(images_shape) != 4 or None in images_shape[1:]:
            raise ValueError(
                f"The images have the shape {tuple(images_shape)}: expected (n, h, w, c) with sizes that "
                "are known. Give the model's input a fixed size."
            )
        if tuple(theta_shape[1:]) != (6,):
            raise ValueError(
                f"theta has the shape {tuple(theta_shape)}: expected (n, 6), the two rows of an affine "
                "map one after the other. End the localisation network in Dense(6)."
            )

    def call(self, images, theta, training=False):
        if self.data_format == "channels_last":
            images = ops.transpose(images, (0, 3, 1, 2))
        channels, height, width = images.shape[1:]
        size = self.output_size or (height, width)
        targets = _targets(*size)
        weights = _hats if training else _ramps
        columns = ops.cast(weights(theta[:, :3], width, targets), images.dtype)  # (n, w, pixels)
        rows = ops.cast(weights(theta[:, 3:], height, targets), images.dtype)  # (n, h, pixels)
        lines = ops.reshape(images, (-1, channels * height, width))
        lines = ops.reshape(ops.matmul(lines, columns), (-1, channels, height, math.prod(size)))
        sampled = ops.sum(lines * rows[:, None], axis=2)  # (n, c, pixels)
        if self.data_format == "channels_last":
            return ops.reshape(ops.transpose(sampled, (0, 2, 1)), (-1, *size, channels))
        return ops.reshape(sampled, (-1, channels, *size))

    def compute_output_shape(self, images_shape, theta_shape):
        if self.output_size is None:
            return tuple(images_shape)
        if self.data_format == "channels_first":
            return (*images_shape[:2], *self.output_size)
        return (images_shape[0], *self.output_size, images_shape[3])

    def get_config(self):
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "data_format": self.data_format,
        }

    def macs(self, input_shape, output_shape):
        """Of both products, and of the coordinates of every column and row."""
        first = self.data_format == "channels_first"
        channels, height, width = input_shape if first else np.roll(input_shape, 1).tolist()
        pixels = math.prod(output_shape) // channels
        return pixels * (channels * height * (width + 1) + 4 * (width + height + 2))

    def window(self):
        """None: each pixel may come from anywhere."""


@keras.saving.register_keras_serializable("zoo")
class IdentityMap(keras.initializers.Initializer):
    """The theta of the identity, `(6,)`: for the bias of a localisation network whose kernel is 0."""

    def __call__(self, shape, dtype=None):
        return ops.convert_to_tensor(np.reshape([1, 0, 0, 0, 1, 0], shape), dtype or keras.config.floatx())


def _targets(height, width):
    """`x_t`, `y_t` and 1 of each output pixel, line by line: `(3, height * width)`."""
    x, y = np.meshgrid(_spread(width), _spread(height))
    return np.stack([x.ravel(), y.ravel(), np.ones(x.size)]).astype("float32")


def _spread(size):
    return np.linspace(-1, 1, size) if size > 1 else np.zeros(1)


def _hats(row, size, targets):
    """`max(0, 1 - |x_s - m|)`: a row of theta `(n, 3)` to `(n, size, pixels)`."""
    half = (size - 1) / 2
    source = ops.matmul(_at_least_float32(row), half * targets) + half  # (n, pixels)
    pixels = np.arange(size, dtype="float32")[:, None]
    near = 1 - ops.abs(source[:, None] - pixels)
    # As max(0, near), with the gradient 1/2 at 0.
    return (near + ops.abs(near)) / 2


def _ramps(row, size, targets):
    """As `_hats`, from operators that keep their precision in integers.

    A hat is the difference of two ramps, `min(max(x_s - j, 0), 1)` at j = m - 1 and j = m. All ramps
    are one matrix product whose result is clipped at once, to the six that converters know: no
    coordinate is ever rounded to the 8 bits that span the whole image.
    """
    half = (size - 1) / 2
    reach = max(half, 1)
    offsets = (half - np.arange(-1, size)) / reach
    offsets = offsets.astype("float32")[None, :, None]
    row = _at_least_float32(row)[:, None]
    n = ops.shape(row)[0]
    factors = ops.concatenate(
        [ops.broadcast_to(row, (n, size + 1, 3)), ops.broadcast_to(offsets, (n, size + 1, 1))], axis=-1
    )
    terms = 6 * np.concatenate([half * targets, np.full_like(targets[:1], reach)])
    ramps = ops.relu6(ops.matmul(factors, terms)) / 6  # (n, size + 1, pixels)
    return ramps[:, :-1] - ramps[:, 1:]


def _at_least_float32(x):
    # Half precision places a pixel of a large image to no better than a tenth.
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
