"""Which pixels of the input one value of a feature map can depend on.

The region is followed back from the layer to the input. Araujo, Norris & Sim, "Computing Receptive
Fields of Convolutional Neural Networks", Distill, 2019, section "Computing receptive field region in
input image", https://distill.pub/2019/computing-receptive-fields/
"""

import math
import operator

import keras
from keras import layers

from zoo import macs, window
from zoo.graph import inputs_of, walk
from zoo.layers.circular import CircularPadding2D
from zoo.receptive_field import MERGING_ALL, UPSAMPLING

PADDING = (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D, CircularPadding2D)
CROPPING = (layers.Cropping1D, layers.Cropping2D, layers.Cropping3D)


def pixels_seen(model, name, position=None):
    """First and last pixel that the value at `position` of a layer's output can depend on.

    Args:
        model: A functional or sequential model.
        name: A layer, as `zoo.describe` calls it: `c3`, `encoder/block1_conv`.
        position: One index a spatial axis; the middle of the map by default.

    Returns:
        `(first, last)` for each spatial axis of the model's first input. Both may lie outside the
        image, where layers pad it. Layers that tell their own window (see `zoo.layers`) count as
        padded evenly.

    Raises:
        ValueError: The model has no such layer, or its output no such position.
    """
    inputs = inputs_of(model)
    trace = _Trace(inputs)
    walk(model, inputs, trace.visit)
    last = trace.find(name)
    regions = {id(last.outputs[0]): _start(name, _sizes(last.outputs[0]), position)}
    for call in reversed(trace.calls[: trace.calls.index(last) + 1]):
        found = [regions[id(x)] for x in call.outputs if id(x) in regions]
        for x in call.inputs if found else ():
            regions[id(x)] = _joined(regions.get(id(x)), _behind(call.layer, x, found[0]))
    return regions.get(id(inputs[0]), ())


class _Call:
    """One call of a layer. Calls are told apart by identity."""

    def __init__(self, path, layer, inputs, outputs):
        self.path, self.layer, self.inputs, self.outputs = path, layer, inputs, outputs


class _Trace:
    """Every call of a layer, in the order of the graph."""

    def __init__(self, inputs):
        # Tensors are known by identity, so none may be freed before the regions are found.
        self.calls, self._inputs = [], inputs

    def visit(self, *call):
        self.calls.append(_Call(*call))

    def find(self, name):
        for call in self.calls:
            if call.path == name:
                return call
        names = ", ".join(call.path for call in self.calls)
        raise ValueError(f"{name!r} is no layer of this model. Pass one of: {names}.")


def _start(name, sizes, position):
    middle = tuple(size // 2 for size in sizes)
    chosen = middle if position is None else tuple(map(operator.index, position))
    inside = len(chosen) == len(sizes) and all(0 <= i < n for i, n in zip(chosen, sizes, strict=True))
    if not inside:
        raise ValueError(
            f"position={position!r} is none of {name}, whose map has {sizes} positions. "
            f"Pass one index an axis, such as {middle}."
        )
    return tuple((i, i) for i in chosen)


def _behind(layer, x, region):
    """The region of the input `x` of `layer` that a region of its output comes from."""
    sizes = _sizes(x)
    if len(region) != len(sizes) or isinstance(layer, MERGING_ALL) or window.sees_all(layer):
        return tuple((0, size - 1) for size in sizes)
    axes = range(len(sizes))
    if slid := window.of(layer, len(sizes)):
        return tuple(_slid(slid, axis, sizes[axis], region[axis]) for axis in axes)
    if isinstance(layer, macs.TRANSPOSED):
        return tuple(_transposed(layer, axis, region[axis]) for axis in axes)
    if isinstance(layer, UPSAMPLING):
        return tuple(_enlarged(layer, axis, region[axis]) for axis in axes)
    if isinstance(layer, PADDING):
        return tuple(_shifted(region[axis], -_margin(layer.padding, axis)) for axis in axes)
    if isinstance(layer, CROPPING):
        return tuple(_shifted(region[axis], _margin(layer.cropping, axis)) for axis in axes)
    # An axis of one position is broadcast.
    return tuple((0, 0) if sizes[axis] == 1 else region[axis] for axis in axes)


def _slid(slid, axis, size, ends):
    stride, span = slid.strides[axis], slid.spans[axis]
    count = math.ceil(size / stride)
    missing = max(0, math.ceil((count - 1) * stride) + span + 1 - size)
    before = {"valid": 0, "causal": span}.get(slid.padding, missing // 2)
    first, last = (math.floor(end * stride) - before for end in ends)
    return first, last + span


def _transposed(layer, axis, ends):
    kernel, stride = layer.kernel_size[axis], layer.strides[axis]
    before = max(0, kernel - stride) // 2 if layer.padding == "same" else 0
    first, last = (end + before for end in ends)
    return math.ceil((first - kernel + 1) / stride), last // stride


def _enlarged(layer, axis, ends):
    factors = layer.factor if hasattr(layer, "factor") else layer.size
    factor = factors if isinstance(factors, int) else factors[axis]
    first, last = ends
    if getattr(layer, "interpolation", "nearest") == "nearest":
        return first // factor, last // factor
    first, last = ((end + 0.5) / factor - 0.5 for end in ends)
    return math.floor(first), math.ceil(last)


def _margin(margins, axis):
    margin = margins[axis]
    return margin if isinstance(margin, int) else margin[0]


def _shifted(ends, pixels):
    return ends[0] + pixels, ends[1] + pixels


def _joined(region, other):
    if region is None:
        return other
    return tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(region, other, strict=True))


def _sizes(tensor):
    shape = tuple(tensor.shape[1:])
    return shape[1:] if keras.config.image_data_format() == "channels_first" else shape[:-1]
