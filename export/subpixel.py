"""Write transposed convolutions of few output channels, or of small kernels, as sub-pixel convolutions.

A transposed convolution of stride s is a convolution of stride 1 with s x s times the channels, the
phases of the output, which DEPTH_TO_SPACE moves into place (Shi et al., "Is the deconvolution layer
the same as a convolutional layer?", 2016, https://arxiv.org/abs/1609.07009). The sums are the same
but for products with zero. On XNNPACK the convolution took half the time of TRANSPOSE_CONV at one to
three channels, two thirds at eight, and more at 32. A kernel no larger than the stride makes no product
with zero, and the convolution is faster at any number: a U-Net took 0.93 of the time, in float32 and int8.
"""

import numpy as np

from .editing import replace

SAME = 0  # the schema's code of the padding
CHANNELS = 8
"""Output channels up to which the convolution is the faster where its kernel is larger than the stride."""


def rewrite(float_file):
    """Replace the transposed convolutions that are faster as convolutions.

    Returns:
        The new file's bytes; unchanged if there is nothing to replace.
    """
    kernels = {}  # signatures that share a kernel go on sharing it

    def rule(edit, operator):
        if not _is_slow(edit, operator):
            return None
        weights, stride = edit.constant(operator.inputs[1]), operator.builtinOptions.strideH
        key = edit.graph.tensors[operator.inputs[1]].buffer, stride
        if key not in kernels:
            kernel = subpixel_kernel(weights, stride)
            kernels[key] = kernel.shape, edit.buffer(kernel)
        return _as_convolution(edit, operator, stride, *kernels[key])

    return replace(float_file, rule)


def subpixel_kernel(weights, stride):
    """The kernel of the convolution that gives the phases of a transposed convolution.

    Args:
        weights: `(channels_out, k, k, channels_in)`, as TRANSPOSE_CONV has them.
        stride: Along both axes; the padding is `same`.

    Returns:
        `(stride * stride * channels_out, m, m, channels_in)` with odd m, for `same` padding. Channel
        `(dy * stride + dx) * channels_out + c` is the phase `(dy, dx)` of channel c.
    """
    channels_out, size, _, channels_in = weights.shape
    # Output pixel s j + d takes input pixel j + o times tap d + p - s o, with p the padding before.
    before = max(size - stride, 0) // 2
    reach = max(-(-before // stride), (size - 1 - before) // stride)
    offsets = range(-reach, reach + 1)
    kernel = np.zeros((stride, stride, channels_out, len(offsets), len(offsets), channels_in), np.float32)
    taps = [
        (phase, place, phase + before - stride * offset)
        for phase in range(stride)
        for place, offset in enumerate(offsets)
        if 0 <= phase + before - stride * offset < size
    ]
    for dy, y, ty in taps:
        for dx, x, tx in taps:
            kernel[dy, dx, :, y, x] = weights[:, ty, tx]
    return kernel.reshape(-1, *kernel.shape[3:])


def _is_slow(edit, operator):
    """Whether this is a transposed convolution that is slower than, and equal to a convolution here."""
    if edit.kind(operator) != "TRANSPOSE_CONV" or not edit.is_float(operator):
        return False
    options = operator.builtinOptions
    stride = options.strideH
    channels, *size = edit.shape(operator.inputs[1])[:3]
    _, *source = edit.shape(operator.inputs[2])[:3]
    _, *target = edit.shape(operator.outputs[0])[:3]
    return (
        (channels <= CHANNELS or size[0] <= stride)
        and stride == options.strideW > 1
        and size[0] == size[1]
        and (options.padding == SAME or size[0] == stride)
        and target == [side * stride for side in source]
        and edit.constant(operator.inputs[1]) is not None
        and _bias(edit, operator) is not None
    )


def _as_convolution(edit, operator, stride, shape, buffer):
    name, x = edit.name(operator), operator.inputs[2]
    weights = edit.graph.tensors[operator.inputs[1]].name.decode()  # it says which layer this is
    kernel = edit.tensor(shape, f"{weights};{name}/subpixel_kernel", buffer)
    values = np.tile(_bias(edit, operator), stride**2)
    bias = edit.tensor(values.shape, f"{name}/subpixel_bias", edit.buffer(values))
    phases = edit.tensor((*edit.shape(x)[:3], shape[0]), f"{name}/phases")
    convolution = edit.operator("CONV_2D", [x, kernel, bias], phases)
    options = convolution.builtinOptions
    options.padding, options.strideH, options.strideW = SAME, 1, 1
    options.fusedActivationFunction = operator.builtinOptions.fusedActivationFunction
    return [
        convolution,
        edit.operator("DEPTH_TO_SPACE", [phases], operator.outputs[0], blockSize=stride),
    ]


def _bias(edit, operator):
    """The bias of a transposed convolution; zeros where it has none; None if the graph computes it."""
    if len(operator.inputs) > 3 and operator.inputs[3] != -1:
        return edit.constant(operator.inputs[3])
    return np.zeros(edit.shape(operator.inputs[1])[0])
