"""Operators with weights."""

from keras import ops

from .operand import activated, aligned, merged, stacked


def _convolution(operands, options, shape):
    """CONV_2D: kernel `(out, height, width, in / groups)`."""
    x, kernel, bias = _parts(operands)
    y = ops.conv(
        merged(x),
        ops.transpose(kernel, (1, 2, 3, 0)),
        strides=(options["strideH"], options["strideW"]),
        padding=options["padding"].lower(),
        data_format="channels_last",
        dilation_rate=(options["dilationHFactor"], options["dilationWFactor"]),
    )
    return _finished(y, bias, options, shape)


def _depthwise(operands, options, shape):
    """DEPTHWISE_CONV_2D: kernel `(1, height, width, in * multiplier)`."""
    x, kernel, bias = _parts(operands)
    _, height, width, channels = kernel.shape
    y = ops.depthwise_conv(
        merged(x),
        ops.reshape(kernel, (height, width, x.shape[-1], channels // x.shape[-1])),
        strides=(options["strideH"], options["strideW"]),
        padding=options["padding"].lower(),
        data_format="channels_last",
        dilation_rate=(options["dilationHFactor"], options["dilationWFactor"]),
    )
    return _finished(y, bias, options, shape)


def _transposed(operands, options, shape):
    """TRANSPOSE_CONV: the shape it gives, kernel `(out, height, width, in)`, image, bias."""
    _, kernel, x, *rest = operands
    kernel, x = kernel.value, x.value
    strides = options["strideH"], options["strideW"]
    y = ops.conv_transpose(
        merged(x),
        ops.transpose(kernel, (1, 2, 0, 3)),
        strides=strides,
        padding="valid",
        data_format="channels_last",
    )
    for axis in (1, 2):
        y = _cut(y, axis, x.shape[axis + 1], kernel.shape[axis], strides[axis - 1], shape[axis])
    return _finished(y, rest[0].value if rest and rest[0] else None, options, shape)


def _cut(y, axis, size, taps, stride, wanted):
    """The part of a whole transposed convolution that padding leaves, along one axis."""
    before = max((size - 1) * stride + taps - wanted, 0) // 2
    index = [slice(None)] * len(y.shape)
    index[axis] = slice(before, before + wanted)
    return y[tuple(index)]


def _dense(operands, options, shape):
    """FULLY_CONNECTED: kernel `(out, in)`; all axes of the input but the last are samples."""
    x, kernel, bias = _parts(operands)
    if operands[1].stacked:
        kernel = ops.reshape(kernel, (-1, kernel.shape[-2], kernel.shape[-1]))
        y = ops.matmul(
            ops.reshape(x, (-1, _rows(x, kernel), kernel.shape[-1])), ops.transpose(kernel, (0, 2, 1))
        )
    else:
        y = ops.matmul(ops.reshape(x, (-1, kernel.shape[-1])), ops.transpose(kernel))
    return _finished(y, bias, options, shape)


def _rows(x, kernel):
    size = 1
    for side in x.shape[1:]:
        size *= side
    return size // kernel.shape[-1]


def _product(operands, options, shape):
    """BATCH_MATMUL, either side transposed where the options say so."""
    x, y = aligned(operands[:2])
    x = ops.swapaxes(x, -1, -2) if options["adjX"] else x
    y = ops.swapaxes(y, -1, -2) if options["adjY"] else y
    return stacked(ops.matmul(x, y), shape)


def _parts(operands):
    x, kernel, *rest = operands
    return x.value, kernel.value, rest[0].value if rest and rest[0] else None


def _finished(y, bias, options, shape):
    y = y if bias is None else y + bias
    return stacked(activated(y, options.get("fusedActivationFunction")), shape)


SEMANTICS = {
    "BATCH_MATMUL": _product,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "TRANSPOSE_CONV": _transposed,
}
