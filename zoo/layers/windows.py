"""Windows that slide over maps with the geometry of Keras's convolutions and pooling."""

import dataclasses
import itertools

import keras
from keras import ops

from zoo import arguments

PADDINGS = ("valid", "same")
FORMATS = ("channels_last", "channels_first")


@dataclasses.dataclass(frozen=True)
class Windows:
    """Windows of `size`, `strides` apart; one integer a spatial axis. Windows overlap where the stride is less.

    With "valid" padding they lie within the map, and what no window covers at its end is not seen.
    With "same" there are `ceil(size of the map / stride)` of them, and zeros, the odd one at the
    end, make room for them.
    """

    size: tuple
    strides: tuple
    padding: str

    def counts(self, sizes):
        """How many windows there are along each axis; None where the map's size is None.

        Raises:
            ValueError: Not even one window fits into the map.
        """
        axes = zip(sizes, self.size, self.strides, strict=True)
        counts = tuple(self._count(*axis) for axis in axes)
        if 0 in counts:
            raise ValueError(
                f"No window of {self.size!r} fits into a map of {tuple(sizes)!r}. Pass a larger map, a "
                "smaller window, or padding='same'."
            )
        return counts

    def margins(self, sizes):
        """Zeros before and after the map along each axis.

        Raises:
            ValueError: They depend on the size of the map, which is None.
        """
        if self.padding == "valid":
            return ((0, 0),) * len(sizes)
        axes = zip(sizes, self.size, self.strides, strict=True)
        return tuple(_same_margin(*axis) for axis in axes)

    def padded(self, maps):
        """The maps `(n, *sizes, c)` with their margins of zeros."""
        margins = self.margins(maps.shape[1:-1])
        if not any(map(any, margins)):
            return maps
        return ops.pad(maps, ((0, 0), *margins, (0, 0)))

    def taps(self, maps):
        """What each place of the windows sees: tensors `(n, *counts, c)`, the last axis's places first."""
        padded = self.padded(maps)
        places = itertools.product(*(range(size) for size in self.size))
        return [padded[(slice(None), *self._slices(place))] for place in places]

    def _count(self, length, size, stride):
        if length is None:
            return None
        return -(-length // stride) if self.padding == "same" else max(0, (length - size) // stride + 1)

    def _slices(self, place):
        for offset, size, stride in zip(place, self.size, self.strides, strict=True):
            yield slice(offset, offset - size + 1 or None, stride)


def _same_margin(length, size, stride):
    if length is None and stride > 1:
        raise ValueError(
            "padding='same' with strides above 1 needs a map whose size is known: give the model's input "
            "a fixed height and width, or use padding='valid'."
        )
    missing = size - 1 if length is None else max(0, (-(-length // stride) - 1) * stride + size - length)
    return missing // 2, missing - missing // 2


def image_format(data_format):
    """`data_format`, checked; Keras's setting if None."""
    return arguments.choice(data_format or keras.config.image_data_format(), "data_format", FORMATS)


def channels_last(maps, data_format):
    """Maps of a format as `(n, *sizes, c)`."""
    return ops.moveaxis(maps, 1, -1) if data_format == "channels_first" else maps


def in_format(maps, data_format):
    """Maps `(n, *sizes, c)` in a format."""
    return ops.moveaxis(maps, -1, 1) if data_format == "channels_first" else maps


def split_shape(shape, data_format):
    """`(n, *sizes, c)` or `(n, c, *sizes)` as `n, sizes, c`."""
    if data_format == "channels_first":
        return shape[0], tuple(shape[2:]), shape[1]
    return shape[0], tuple(shape[1:-1]), shape[-1]


def joined_shape(n, sizes, channels, data_format):
    """The shape of `n` maps of a format."""
    return (n, channels, *sizes) if data_format == "channels_first" else (n, *sizes, channels)
