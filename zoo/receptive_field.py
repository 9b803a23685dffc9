"""How much of the input one value of a feature map can depend on.

Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019,
equations 2 and 3, https://distill.pub/2019/computing-receptive-fields/
"""

import dataclasses
import math
from fractions import Fraction

from keras import layers

from zoo import macs, window
from zoo.layers.resize import NearestUpsampling2D

UPSAMPLING = (layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D, NearestUpsampling2D)
MERGING_ALL = (
    layers.Flatten,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
)


@dataclasses.dataclass(frozen=True)
class Field:
    """Receptive field of a map: `size` and `jump` in input pixels, one number a spatial axis.

    `jump` is the distance between neighbours, None once there are no neighbours and `size` is that
    of the whole input.
    """

    size: tuple
    jump: tuple | None

    @property
    def pixels(self):
        """`size` in whole pixels."""
        return tuple(math.ceil(size) for size in self.size)


def of_input(shape):
    """The field of an input of shape `(*spatial, channels)`; None without spatial axes."""
    axes = len(shape) - 1
    return Field((Fraction(1),) * axes, (Fraction(1),) * axes) if axes > 0 else None


def after(layer, fields, rank, whole):
    """The field behind one call of `layer`.

    Args:
        layer: A layer or an operation of a graph.
        fields: Fields of its inputs; None where one is not known.
        rank: Axes of its first output, without the batch axis.
        whole: Spatial size of the model's input.

    Returns:
        A `Field`, or None where an input's field is None.
    """
    if not fields or None in fields:
        return None
    merged = _merged(fields)
    merges_all = isinstance(layer, MERGING_ALL) or window.sees_all(layer)
    if merged.jump is None or rank == 1 or merges_all:
        return Field(tuple(whole), None)
    return _local(layer, merged)


def _merged(fields):
    jumps = [field.jump for field in fields]
    size = tuple(max(sizes) for sizes in zip(*(field.size for field in fields), strict=True))
    return Field(size, None if None in jumps else max(jumps))


def _local(layer, field):
    axes = len(field.jump)
    if slid := window.of(layer, axes):
        return _moved(field, slid.spans, slid.strides)
    if isinstance(layer, macs.TRANSPOSED):
        factors = _per_axis(layer.strides, axes)
        kernel = _per_axis(layer.kernel_size, axes)
        spans = [math.ceil(k / f) - 1 for k, f in zip(kernel, factors, strict=True)]
        return _moved(field, spans, [Fraction(1, factor) for factor in factors])
    if isinstance(layer, UPSAMPLING):
        factors = _per_axis(layer.factor if hasattr(layer, "factor") else layer.size, axes)
        spread = 0 if getattr(layer, "interpolation", "nearest") == "nearest" else 1
        return _moved(field, [spread] * axes, [Fraction(1, factor) for factor in factors])
    return field


def _moved(field, spans, strides):
    size = tuple(r + span * j for r, span, j in zip(field.size, spans, field.jump, strict=True))
    return Field(size, tuple(j * s for j, s in zip(field.jump, strides, strict=True)))


def _per_axis(value, axes):
    return (value,) * axes if isinstance(value, int) else tuple(value)
