"""Padding that makes an image a torus."""

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class CircularPadding2D(keras.layers.Layer):
    """Continues an image at each border with what lies at the opposite border.

    A `valid` convolution behind it commutes with circular shifts: `y[i] = sum_k w[k] x[(i + k) mod n]`
    along each axis (Gray, "Toeplitz and Circulant Matrices: A Review", 2006, section 3.1).

    Args:
        padding: Pixels on each side, zero or more: an integer, or two for `(height, width)`.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to `(n, h + 2 * padding[0], w + 2 * padding[1], c)`, or the same with channels first.

    Raises:
        ValueError: `padding` is no such number, or more than the image has pixels.
    """

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.padding = _checked(padding)
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images):
        self._check_sizes(images.shape)
        for axis, padding in zip(self._axes(), self.padding, strict=True):
            if padding:
                images = ops.concatenate(
                    [_last(images, padding, axis), images, _first(images, padding, axis)], axis=axis
                )
        return images

    def compute_output_shape(self, input_shape):
        self._check_sizes(input_shape)
        shape = list(input_shape)
        for axis, padding in zip(self._axes(), self.padding, strict=True):
            shape[axis] = None if shape[axis] is None else shape[axis] + 2 * padding
        return tuple(shape)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}

    def _axes(self):
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    def _check_sizes(self, shape):
        sizes = tuple(shape[axis] for axis in self._axes())
        if any(
            size is not None and padding > size for size, padding in zip(sizes, self.padding, strict=True)
        ):
            raise ValueError(
                f"padding={self.padding} goes more than once around an image of {sizes[0]} x {sizes[1]} "
                "pixels. Pass at most the image's size, or a larger image."
            )


def _first(images, count, axis):
    return images[:, :count] if axis == 1 else images[:, :, :count] if axis == 2 else images[..., :count]


def _last(images, count, axis):
    return images[:, -count:] if axis == 1 else images[:, :, -count:] if axis == 2 else images[..., -count:]


def _checked(padding):
    if padding == 0 and not isinstance(padding, bool):
        return (0, 0)
    return arguments.pair(padding, "padding")
