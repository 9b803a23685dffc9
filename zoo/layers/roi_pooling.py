"""A grid of fixed size from any rectangle of a map.

He, Zhang, Ren & Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks", 2014, section 2.2,
https://arxiv.org/abs/1406.4729; Girshick, "Fast R-CNN", 2015, section 2.1,
https://arxiv.org/abs/1504.08083
"""

import keras
import numpy as np
from keras import ops

from zoo import arguments
from zoo.layers.windows import channels_last, image_format, split_shape

# Of a pixel. What is smaller is lost in 8 bits, and a cell that covers nothing has no maximum.
SMALLEST_CELL = 1 / 8


@keras.saving.register_keras_serializable("zoo")
class ROIPooling(keras.layers.Layer):
    """Divides every rectangle evenly into cells and gives each cell's maximum, a channel at a time.

    A rectangle is `(top, left, bottom, right)` in parts of the map's height and width, so that the
    same numbers fit every map of a net: (0, 0, 1, 1) is the whole. Row `i` of `r` reaches from
    `top + i (bottom - top) / r` to `top + (i + 1) (bottom - top) / r` and takes in every pixel it
    overlaps, hence pixels `floor(start)` to `ceil(end) - 1`, as in spatial pyramid pooling; columns
    likewise. What lies outside the map is cut off. A cell that is smaller than an eighth of a pixel
    is widened to that, so that it takes in one pixel at least.

    Args:
        size: Rows and columns of the grid, or one integer for both.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    Maps `(n, h, w, c)` and rectangles `(n, k, 4)` to `(n, k, rows, columns, c)`; with channels first
    `(n, c, h, w)` and rectangles to `(n, k, c, rows, columns)`. Gradients reach the maps only.

    Raises:
        ValueError: An argument is none of those, or the map's size is not fixed.
    """

    def __init__(self, size=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size = arguments.pair(size, "size")
        self.data_format = image_format(data_format)

    def build(self, maps_shape, rectangles_shape):
        if len(maps_shape) != 4 or None in maps_shape[1:]:
            raise ValueError(
                f"ROIPooling can't take maps of {tuple(maps_shape)!r}: it looks at every pixel. Pass maps of four "
                "axes, and give the model's input a fixed height, width and number of channels."
            )
        if len(rectangles_shape) != 3 or rectangles_shape[-1] != 4:
            raise ValueError(
                f"ROIPooling can't take rectangles of {tuple(rectangles_shape)!r}: pass (n, k, 4), that is k times "
                "top, left, bottom and right in parts of the map, for each of the n maps."
            )

    def call(self, maps, rectangles):
        maps = channels_last(maps, self.data_format)
        _, height, width, channels = maps.shape
        rows, columns = self.size
        regions = ops.shape(rectangles)[1]
        nothing = ops.min(maps, axis=(1, 2, 3), keepdims=True)
        outside_rows = _outside(rectangles[:, :, 0:1], rectangles[:, :, 2:3], height, rows)
        outside_columns = _outside(rectangles[:, :, 1:2], rectangles[:, :, 3:4], width, columns)

        # The maximum over rows first: at most five axes, which is what a select takes on the edge.
        x = ops.reshape(maps, (-1, 1, height, width * channels))
        outside = ops.reshape(outside_rows, (-1, regions * rows, height, 1))
        x = _highest(ops.where(outside, nothing, x))  # (n, k * rows, w * c)
        x = ops.reshape(x, (-1, regions, rows, width, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4)), (-1, regions, 1, width, rows * channels))
        outside = ops.reshape(outside_columns, (-1, regions, columns, width, 1))
        x = ops.where(outside, nothing[..., None], x)
        x = _highest(ops.reshape(x, (-1, regions * columns, width, rows * channels)))
        x = ops.reshape(x, (-1, regions, columns, rows, channels))
        order = (0, 1, 4, 3, 2) if self.data_format == "channels_first" else (0, 1, 3, 2, 4)
        return ops.transpose(x, order)

    def compute_output_shape(self, maps_shape, rectangles_shape):
        n, _, channels = split_shape(maps_shape, self.data_format)
        grid = (channels, *self.size) if self.data_format == "channels_first" else (*self.size, channels)
        return (n, rectangles_shape[1], *grid)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}

    def window(self):
        return None


def _outside(low, high, pixels, cells):
    """Which pixels of an axis no part of a cell covers: `(n, k, 1)` twice to `(n, k, cells, pixels)`."""
    edges = np.arange(cells + 1, dtype="float32") / cells
    edges = low * ops.cast(1 - edges, low.dtype) + high * ops.cast(edges, low.dtype)
    starts = _at_most(ops.relu(edges[:, :, :-1] * pixels), pixels - SMALLEST_CELL)
    ends = ops.maximum(edges[:, :, 1:] * pixels, starts + SMALLEST_CELL)
    first = ops.arange(pixels, dtype=low.dtype)
    before_end = ops.relu(ends[..., None] - first)
    after_start = ops.relu(first + 1 - starts[..., None])
    # Equality is the comparison that stays in integers on the edge.
    return ops.equal(ops.where(ops.equal(before_end, 0), 0.0, after_start), 0)


def _at_most(x, limit):
    """The minimum, out of operators that stay in integers on the edge."""
    return limit - ops.relu(limit - x)


def _highest(maps):
    """`(n, a, b, c)` to `(n, a, 1, c)`."""
    return ops.max_pool(maps, (1, maps.shape[2]), 1, "valid", data_format="channels_last")
