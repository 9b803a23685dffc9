"""The window that a layer slides over its input, and the output size that follows.

Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, relationships 5, 6
and 15, https://arxiv.org/abs/1603.07285
"""

import dataclasses
import operator
from fractions import Fraction

from keras import layers

from zoo import macs

STRIDED = macs.CONVOLUTION + macs.DEPTHWISE + macs.SEPARABLE
POOLING = (
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
)


@dataclasses.dataclass(frozen=True)
class Window:
    """Size, step and spacing of a sliding window, one number a spatial axis.

    A stride of `Fraction(1, 2)` enlarges. `padding` is "valid", "same" or "causal".
    """

    kernel: tuple
    strides: tuple
    dilation: tuple
    padding: str

    @property
    def spans(self):
        """Pixels from the first to the last position that a window sees."""
        return tuple((k - 1) * d for k, d in zip(self.kernel, self.dilation, strict=True))


def of(layer, axes):
    """The window of `layer` over `axes` spatial axes; None for a layer that has none.

    A layer of the zoo tells its own with a method `window` (see `zoo.layers`).
    """
    told = _told(layer)
    if told is None:
        return None
    sizes = (_per_axis(value, axes) for value in told)
    return Window(*sizes, padding=getattr(layer, "padding", "same"))


def sees_all(layer):
    """Whether the layer says that each of its values sees the whole input."""
    return hasattr(layer, "window") and layer.window() is None


def output_size(size, kernel, stride=1, padding="valid", dilation=1):
    """Positions of a window along one axis: `(W - K + 2P) / S + 1`.

    Args:
        size: Pixels of the input, W.
        kernel: Pixels of the window, K is `(kernel - 1) * dilation + 1`.
        stride: Step of the window, S.
        padding: "valid" (P = 0), a number of pixels P on either side, or "same" or "causal", which pad
            as much as it takes for `ceil(W / S)`.
        dilation: Distance between the pixels of a window.

    Raises:
        ValueError: The window is larger than the padded input, or its last step ends before the edge:
            pixels there would never be seen. The message names sizes that tile.
    """
    numbers = {"size": size, "kernel": kernel, "stride": stride, "dilation": dilation}
    size, kernel, stride, dilation = (_positive(value, name) for name, value in numbers.items())
    if padding in ("same", "causal"):
        return -(-size // stride)
    seen, span = size + 2 * _pixels(padding), (kernel - 1) * dilation
    rest = (seen - span - 1) % stride
    if seen <= span or rest:
        raise ValueError(_untiled(size, span + 1, stride, seen - size, rest))
    return (seen - span - 1) // stride + 1


def untiled(layer, shape):
    """Why the windows of `layer` do not tile an input of `shape`, without the batch axis; or None.

    Windows smaller than their step, as in a 1 x 1 shortcut of stride 2, leave pixels out on purpose.
    """
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    spatial = shape[1:] if channels_first else shape[:-1]
    window = of(layer, len(spatial))
    if window is None or window.padding != "valid" or None in spatial:
        return None
    for axis in zip(spatial, window.kernel, window.strides, window.dilation, strict=True):
        size, kernel, stride, dilation = axis
        if stride < 1 or kernel < stride:
            continue
        try:
            output_size(size, kernel, stride, "valid", dilation)
        except ValueError as error:
            return str(error)
    return None


def _told(layer):
    if hasattr(layer, "window"):
        return layer.window()
    if isinstance(layer, STRIDED):
        return layer.kernel_size, layer.strides, layer.dilation_rate
    if isinstance(layer, POOLING):
        return layer.pool_size, layer.strides, 1
    return None


def _untiled(size, extent, stride, padded, rest):
    around = f" and {padded // 2} of padding on either side" if padded else ""
    lead = f"windows of {extent} pixels at stride {stride} do not tile {size} pixels{around}"
    if size + padded < extent:
        return f"{lead}: the window is larger. Give at least {extent - padded} pixels"
    smaller = size - rest
    tiling = [str(fit) for fit in (smaller, smaller + stride) if fit > 0]
    return f"{lead}: the last {rest} would never be seen. Sizes that tile: {', '.join(tiling)}"


def _positive(value, name):
    number = operator.index(value)
    if number < 1:
        raise ValueError(f"{name}={value!r}: expected a positive integer. Pass {name}=1 or more.")
    return number


def _pixels(padding):
    if padding == "valid":
        return 0
    if isinstance(padding, (str, bool)) or operator.index(padding) < 0:
        raise ValueError(
            f"padding={padding!r}: expected 'valid', 'same', 'causal' or a number of pixels. "
            "Pass one of them."
        )
    return operator.index(padding)


def _per_axis(value, axes):
    return (value,) * axes if isinstance(value, int | Fraction) else tuple(value)
