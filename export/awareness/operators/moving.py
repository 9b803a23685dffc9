"""Operators that move values without changing them."""

import numpy as np
from keras import ops

from .operand import activated, stacked


def _reshape(operands, options, shape):
    return stacked(operands[0].value, shape)


def _transpose(operands, options, shape):
    order = [int(axis) + 1 for axis in operands[1].value]
    return ops.transpose(operands[0].value, (0, *order))


def _concatenate(operands, options, shape):
    rows = _with_batch(operands)
    joined = ops.concatenate(rows, axis=_axis(options["axis"], len(shape)))
    return activated(joined, options.get("fusedActivationFunction"))


def _pack(operands, options, shape):
    return ops.stack(_with_batch(operands), axis=_axis(options["axis"], len(shape)))


def _with_batch(operands):
    """The values, constants repeated for every sample."""
    batch = ops.shape(next(operand.value for operand in operands if operand.stacked))[0]
    return [
        operand.value if operand.stacked else ops.repeat(operand.value[None], batch, axis=0)
        for operand in operands
    ]


def _unpack(operands, options, shapes):
    x = operands[0].value
    axis = _axis(options["axis"], len(x.shape) - 1)
    return [ops.take(x, i, axis=axis) for i in range(options["num"])]


def _split(operands, options, shapes):
    axis, x = operands[0].value, operands[1].value
    return _cut(x, _axis(int(np.ravel(axis)[0]), len(x.shape) - 1), shapes)


def _split_by_size(operands, options, shapes):
    x, _, axis = (operand.value for operand in operands)
    return _cut(x, _axis(int(np.ravel(axis)[0]), len(x.shape) - 1), shapes)


def _cut(x, axis, shapes):
    parts, start = [], 0
    for shape in shapes:
        index = [slice(None)] * len(x.shape)
        index[axis] = slice(start, start + shape[axis - 1])
        start += shape[axis - 1]
        parts.append(x[tuple(index)])
    return parts


def _slice(operands, options, shape):
    x, begin, _ = (operand.value for operand in operands)
    return x[(slice(None), *(slice(int(b), int(b) + side) for b, side in zip(begin, shape, strict=True)))]


def _strided_slice(operands, options, shape):
    x, begin, end, strides = (operand.value for operand in operands)
    index = [slice(None)]
    for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if options["shrinkAxisMask"] >> axis & 1:
            place = int(first) % x.shape[axis + 1]
            index.append(slice(place, place + 1))
            continue
        index.append(
            slice(
                None if options["beginMask"] >> axis & 1 else int(first),
                None if options["endMask"] >> axis & 1 else int(last),
                int(step),
            )
        )
    return stacked(x[tuple(index)], shape)


def _pad(operands, options, shape):
    x, widths = operands[0].value, operands[1].value
    value = float(np.ravel(operands[2].value)[0]) if len(operands) > 2 else 0.0
    return ops.pad(x, ((0, 0), *_pairs(widths)), constant_values=value)


def _mirror_pad(operands, options, shape):
    mode = {"REFLECT": "reflect", "SYMMETRIC": "symmetric"}[options["mode"]]
    return ops.pad(operands[0].value, ((0, 0), *_pairs(operands[1].value)), mode=mode)


def _pairs(widths):
    return [(int(before), int(after)) for before, after in np.reshape(widths, (-1, 2))]


def _gather(operands, options, shape):
    """GATHER along an axis; indices that are computed differ from sample to sample."""
    table, indices = operands[:2]
    if not indices.stacked:
        axis = _axis(options["axis"], len(table.value.shape) - 1)
        return stacked(ops.take(table.value, np.asarray(indices.value), axis=axis), shape)
    if not table.stacked:
        return stacked(ops.take(table.value, indices.value, axis=options["axis"]), shape)
    axis = _axis(options["axis"], len(table.value.shape) - 1)
    return stacked(
        ops.vectorized_map(
            lambda pair: ops.take(pair[0], pair[1], axis=axis - 1), (table.value, indices.value)
        ),
        shape,
    )


def _depth_to_space(operands, options, shape):
    block, (_, height, width, channels) = options["blockSize"], shape
    x = ops.reshape(operands[0].value, (-1, height // block, width // block, block, block, channels))
    return stacked(ops.transpose(x, (0, 1, 3, 2, 4, 5)), shape)


def _space_to_depth(operands, options, shape):
    block, (_, height, width, channels) = options["blockSize"], shape
    x = ops.reshape(operands[0].value, (-1, height, block, width, block, channels // block**2))
    return stacked(ops.transpose(x, (0, 1, 3, 2, 4, 5)), shape)


def _tile(operands, options, shape):
    return ops.tile(operands[0].value, (1, *(int(n) for n in operands[1].value)))


def _broadcast(operands, options, shape):
    x = operands[0].value
    return (
        ops.broadcast_to(x, (ops.shape(x)[0], *shape))
        if len(x.shape) == len(shape) + 1
        else _raised(x, shape)
    )


def _raised(x, shape):
    wider = ops.reshape(x, (-1, *[1] * (len(shape) + 1 - len(x.shape)), *x.shape[1:]))
    return ops.broadcast_to(wider, (ops.shape(x)[0], *shape))


def _reverse(operands, options, shape):
    rank = len(operands[0].value.shape) - 1
    return ops.flip(operands[0].value, axis=[_axis(int(a), rank) for a in np.ravel(operands[1].value)])


def _axis(axis, rank):
    """An axis of the file's shape, as an axis of a stacked value."""
    return int(axis) % rank + 1


SEMANTICS = {
    "BROADCAST_TO": _broadcast,
    "CONCATENATION": _concatenate,
    "DEPTH_TO_SPACE": _depth_to_space,
    "EXPAND_DIMS": _reshape,
    "GATHER": _gather,
    "MIRROR_PAD": _mirror_pad,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _reshape,
    "REVERSE_V2": _reverse,
    "SLICE": _slice,
    "SPACE_TO_DEPTH": _space_to_depth,
    "SPLIT": _split,
    "SPLIT_V": _split_by_size,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "TILE": _tile,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}
