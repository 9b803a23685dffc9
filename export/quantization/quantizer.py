"""The calls into `ai-edge-quantizer`."""

import contextlib
import io
import logging

import numpy as np

from .. import flatbuffer
from ..errors import ExportError
from .ranges import activation_ranges
from .zero_channels import keep_biases


def apply(float_file, recipe, samples=None, options=None):
    """Quantise a float32 file by a recipe of `ai_edge_quantizer.recipe`.

    Args:
        float_file: The file's bytes.
        recipe: The recipe.
        samples: None, or a dict from signature to a dict from input name to `(n, *input_shape)`.
        options: `QuantizationOptions`, which say how samples become ranges.

    Raises:
        ExportError: The quantiser failed.
    """
    from ai_edge_quantizer import quantizer

    try:
        ranges = None if samples is None else activation_ranges(float_file, samples, options)
        # Biases of all-zero channels overflow in it; `keep_biases` mends them.
        with _quiet(), np.errstate(invalid="ignore"):
            work = quantizer.Quantizer(bytes(float_file), recipe)
            content = bytes(work.quantize(ranges, enable_progress_report=False).quantized_model)
    # Neither the package nor LiteRT documents exceptions of its own.
    except Exception as error:
        raise ExportError(f"the quantiser failed: {type(error).__name__}: {error}") from error
    model = flatbuffer.parse(content)
    keep_biases(model, flatbuffer.parse(float_file))
    for graph in model.subgraphs:
        _type_unread_outputs(graph)
        _relax_relu6(graph)
        _allow_any_scale(graph)
    return flatbuffer.serialise(model)


@contextlib.contextmanager
def _quiet():
    """The package draws progress bars on stderr and warns of weights that signatures share."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _type_unread_outputs(graph):
    """Give a float output that nothing reads the type of the same operator's quantised outputs.

    The quantiser passes it by, e.g. the forget gate of an unrolled LSTM's first step.
    """
    read = {*graph.outputs, *(i for operator in graph.operators for i in operator.inputs)}
    for operator in graph.operators:
        typed = [graph.tensors[i] for i in operator.outputs if i in read and _is_quantised(graph.tensors[i])]
        for index in operator.outputs if typed else ():
            if index not in read and flatbuffer.type_name(graph.tensors[index].type) == "float32":
                graph.tensors[index].type = typed[0].type
                graph.tensors[index].quantization = typed[0].quantization


def _is_quantised(tensor):
    """Whether a tensor has a scale; the positions that TOPK_V2 gives beside its values have none."""
    return tensor.quantization is not None and tensor.quantization.scale is not None


def _relax_relu6(graph):
    """Make ReLU6 a ReLU where the output's type ends below 6 anyway and its kernel would overflow.

    Kernels express 6 in steps of the output's scale as an int32, and refuse a scale too small.
    """
    from ai_edge_litert import schema_py_generated as schema

    codes = schema.ActivationFunctionType
    for operator in graph.operators:
        if getattr(operator.builtinOptions, "fusedActivationFunction", None) != codes.RELU6:
            continue
        spread = graph.tensors[operator.outputs[0]].quantization
        if spread is not None and spread.scale is not None and 6 / spread.scale[0] >= 2**31:
            operator.builtinOptions.fusedActivationFunction = codes.RELU


def _allow_any_scale(graph):
    """Keep int16 additions off a kernel for scales that are powers of two.

    It is chosen where calibrated scales happen to be close to such powers, as after scaling images
    to [-1, 1], and refuses an input with a larger scale than the output.
    """
    for operator in graph.operators:
        if hasattr(operator.builtinOptions, "potScaleInt16"):
            operator.builtinOptions.potScaleInt16 = False
