"""The kernels of a model as matrices: a row of weights for each output channel, as files hold them."""

import fnmatch
import math
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from ..errors import InvalidInput
from ..subpixel import CHANNELS

NAMES = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel")

CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


@dataclass(frozen=True)
class Kernel:
    """A trainable kernel.

    `outputs` are the axes of its output channels; `known` says whether files are known to hold it with
    one scale for each of these.
    """

    layer: object
    variable: object
    outputs: tuple
    known: bool

    @property
    def name(self):
        return self.variable.path

    @property
    def depthwise(self):
        """Whether each output channel looks at one input channel."""
        own = self.variable is getattr(self.layer, "depthwise_kernel", None)
        return own or isinstance(self.layer, DEPTHWISE) or _operator(self.layer) == "DEPTHWISE_CONV_2D"

    @property
    def transposed(self):
        """Whether it is of a transposed convolution."""
        return isinstance(self.layer, TRANSPOSED) or _operator(self.layer) == "TRANSPOSE_CONV"

    @property
    def order(self):
        """The axes, those of the outputs first."""
        return (*self.outputs, *(i for i in range(len(self.variable.shape)) if i not in self.outputs))

    @property
    def matrix_shape(self):
        """`(outputs, inputs)`: how many weights there are of each kind."""
        shape = self.variable.shape
        outputs = math.prod(shape[i] for i in self.outputs)
        return outputs, math.prod(shape) // outputs

    def to_matrix(self, values):
        """An array or tensor of the kernel's shape as `(outputs, inputs)`."""
        return ops.reshape(ops.transpose(values, self.order), self.matrix_shape)

    def from_matrix(self, values):
        """The opposite of `to_matrix`."""
        shape = tuple(self.variable.shape[i] for i in self.order)
        return ops.transpose(ops.reshape(values, shape), tuple(np.argsort(self.order)))

    def channels(self):
        """For each weight, `(outputs * inputs,)`, the number of the scale that an integer file gives it.

        A transposed convolution that is exported as a sub-pixel convolution has one for each phase.
        """
        rows, columns = self.matrix_shape
        number = np.repeat(np.arange(rows), columns)
        if _has_phases(self.layer, self.variable):
            stride = self.layer.strides[0]
            y, x = np.indices(self.variable.shape)[:2] % stride
            phase = np.transpose(y * stride + x, self.order).ravel()
            number = number * stride**2 + phase
        return np.unique(number, return_inverse=True)[1].ravel()


def kernels(model, skip=()):
    """The `Kernel` of every trainable weight that layers multiply with; a shared one once.

    Args:
        model: A built `keras.Model`.
        skip: Shell patterns of the names of layers to leave out.

    Raises:
        InvalidInput: There is none, or a pattern matches no layer that has one.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise InvalidInput(f"Expected a built keras.Model, not {model!r}. Give it a keras.Input.")
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    found = list(_found(model))
    names = [kernel.layer.name for kernel in found]
    for pattern in skip:
        if not fnmatch.filter(names, pattern):
            raise InvalidInput(f"No layer with a kernel matches {pattern!r}. Layers: {', '.join(names)}.")
    kept = [k for k in found if not any(fnmatch.fnmatchcase(k.layer.name, p) for p in skip)]
    if not kept:
        raise InvalidInput(f"Model {model.name!r} has no trainable kernel left to compress.")
    return kept


def _found(model):
    seen = set()
    for layer in model._flatten_layers():
        for name in NAMES:
            variable = getattr(layer, name, None)
            if isinstance(variable, keras.Variable) and variable.trainable and id(variable) not in seen:
                seen.add(id(variable))
                yield Kernel(layer, variable, *_outputs(layer, name, len(variable.shape)))


def _outputs(layer, name, rank):
    """The axes of the output channels, and whether they are known to have a scale each in files."""
    if hasattr(layer, "kernel_spec"):  # of a model that trains with simulated integers
        axis = layer.kernel_spec["axis"]
        return (() if axis is None else (axis % rank,)), True
    if name == "depthwise_kernel" or isinstance(layer, DEPTHWISE):
        return (rank - 2, rank - 1), True  # (*window, channels, multiplier)
    if isinstance(layer, TRANSPOSED):
        return (rank - 2,), True  # (*window, filters, channels)
    if isinstance(layer, keras.layers.EinsumDense):
        operands, result = layer.equation.replace(" ", "").split("->")
        letters = operands.split(",")[1]
        return tuple(i for i, letter in enumerate(letters) if letter in result), True
    return (rank - 1,), isinstance(layer, (keras.layers.Dense, *CONVOLUTIONS))


def _operator(layer):
    """The operator that a layer simulates, of a model that trains with simulated integers."""
    return getattr(layer, "operator", None)


def _has_phases(layer, variable):
    """Whether `export.subpixel` writes the layer as a convolution of more channels."""
    if not isinstance(layer, keras.layers.Conv2DTranspose):
        return False
    height, width, filters, _ = variable.shape
    stride, other = layer.strides
    return filters <= CHANNELS and stride == other > 1 and height == width and layer.padding == "same"
