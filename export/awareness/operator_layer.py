"""An operator of an int8 file as a Keras layer."""

import keras
import numpy as np
from keras import ops

from .operators import SEMANTICS
from .operators.operand import Operand, activated
from .ranges import straight_through

SUMMING = ("ADD", "SUB")
"""Operators whose kernel takes each summand by itself: behind what they give, their layers give constants."""


@keras.saving.register_keras_serializable("export")
class QuantizedOperator(keras.layers.Layer):
    """Computes what an operator does, with weights rounded to the integers that the file will hold.

    Where there are weights, the scale of the operator's input comes behind its activations, and the step of
    its sums of products, one for each scale of the kernel, behind its output. A weight is
    `scale * integer` where the scale of an output channel is its largest weight by `largest`
    (Krishnamoorthi, 2018, section 3.1.1, https://arxiv.org/abs/1806.08342).

    Args:
        operator: The schema's name.
        options: Its options, by their names in the schema.
        operands: For each input one of `["activation"]`, `["kernel"]`, `["bias"]`, `["real", shape]` for a
            constant that computes, `["whole", values]` for one that says what to do, or None.
        shapes: The shapes of its outputs in the file, and their types.
        place: The number of the operator in its graph of the file.
        kernel: Shape of the kernel, axis of its output channels (None: one scale) and largest integer.
        bias: Width of the bias; None where there is none.
    """

    def __init__(self, operator, options, operands, shapes, place, kernel=None, bias=None, **more):
        super().__init__(**more)
        self.operator, self.options, self.operands, self.shapes = operator, options, operands, shapes
        self.place, self.kernel_spec, self.bias_width = place, kernel, bias
        self.several = len(shapes) > 1

    def build(self, *shapes, **more):
        self.kernel, self.bias, self.factor = None, None, 1.0
        if self.kernel_spec:
            self.kernel = self.add_weight(name="kernel", shape=self.kernel_spec["shape"])
        if self.bias_width is not None:
            self.bias = self.add_weight(name="bias", shape=(self.bias_width,), initializer="zeros")
        self._add_constants()

    def take_over(self, other, factor):
        """Instead of `build`: compute with a multiple of the weights of another layer from now on."""
        self.kernel, self.bias, self.factor = other.kernel, other.bias, factor
        self._add_constants()
        self.built = True

    def _add_constants(self):
        self.constants = [
            self.add_weight(name=f"constant{i}", shape=operand[1], trainable=False, initializer="zeros")
            for i, operand in enumerate(self.operands)
            if operand and operand[0] == "real"
        ]

    def call(self, inputs):
        values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if self.kernel_spec:
            return self._in_integers(values[:-1], values[-1])
        operands = self._operands(iter(values), iter(self.constants))
        shapes = [shape for shape, _ in self.shapes]
        result = SEMANTICS[self.operator](operands, self.options, shapes if self.several else shapes[0])
        if self.operator in SUMMING and self.constants:
            return [result, *(ops.expand_dims(constant, 0) for constant in self.constants)]
        return list(result) if self.several else result

    def _in_integers(self, values, scale):
        """Sums of products of integers, which float32 holds exactly up to 2^24, then their step."""
        values = [
            ops.round(ops.stop_gradient(x / scale)) + (x - ops.stop_gradient(x)) / scale for x in values
        ]
        size = self.kernel_scale()
        step = ops.stop_gradient(ops.reshape(size, (-1,)) * scale)
        kernel = self.kernel_values() / size
        parts = {
            "activation": iter(values),
            "kernel": iter([straight_through(ops.round(kernel), kernel)]),
        }
        if self.bias is not None:
            bias = self.bias_values() / step
            parts["bias"] = iter([straight_through(ops.round(bias), bias)])
        operands = [
            Operand(next(parts[kind[0]]), kind[0] == "activation")
            if kind and kind[0] in parts
            else Operand(np.asarray(kind[1]), False)
            if kind
            else None
            for kind in self.operands
        ]
        plain = self.options | {"fusedActivationFunction": "NONE"}
        total = SEMANTICS[self.operator](operands, plain, self.shapes[0][0])
        return [activated(total * step, self.options.get("fusedActivationFunction")), step]

    def quantised_kernel(self):
        """The kernel as the file will hold it, in real numbers; its gradient is the kernel's."""
        scale, kernel = self.kernel_scale(), self.kernel_values()
        return straight_through(ops.round(kernel / scale) * scale, kernel)

    def kernel_values(self):
        """The kernel that the layer computes with."""
        return ops.convert_to_tensor(self.kernel) * self.factor

    def bias_values(self):
        """The bias that the layer computes with."""
        return ops.convert_to_tensor(self.bias) * self.factor

    def kernel_scale(self):
        """The size of an integer step, of the kernel's rank."""
        axis, largest = self.kernel_spec["axis"], self.kernel_spec["largest"]
        rank = len(self.kernel.shape)
        others = tuple(i for i in range(rank) if axis is None or i != axis)
        size = ops.max(ops.abs(self.kernel_values()), axis=others, keepdims=True)
        return ops.stop_gradient(ops.maximum(size, 1e-12) / largest)

    def _operands(self, activations, constants):
        found = []
        for operand in self.operands:
            kind = operand[0] if operand else None
            if kind == "activation":
                found.append(Operand(next(activations), True))
            elif kind == "kernel":
                found.append(Operand(self.quantised_kernel(), False))
            elif kind == "real":
                found.append(Operand(ops.convert_to_tensor(next(constants)), False))
            else:
                found.append(Operand(np.asarray(operand[1]), False) if operand else None)
        return found

    def compute_output_spec(self, inputs):
        given = [keras.KerasTensor((None, *shape), dtype) for shape, dtype in self.shapes]
        if self.kernel_spec:
            return [*given, keras.KerasTensor((self._scales(),), "float32")]
        if self.operator in SUMMING and self.constants:
            given += [keras.KerasTensor((1, *constant.shape), "float32") for constant in self.constants]
        return given if len(given) > 1 else given[0]

    def _scales(self):
        """How many scales the kernel has."""
        axis = self.kernel_spec["axis"]
        return 1 if axis is None else self.kernel_spec["shape"][axis]

    def get_config(self):
        return super().get_config() | {
            "operator": self.operator,
            "options": self.options,
            "operands": self.operands,
            "shapes": self.shapes,
            "place": self.place,
            "kernel": self.kernel_spec,
            "bias": self.bias_width,
        }
