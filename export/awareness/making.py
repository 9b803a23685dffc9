"""The road from a model to its quantisation-aware twin."""

import numpy as np

from .. import flatbuffer, subpixel
from ..quantization import quantize
from ..quantization.folding import fold_constants
from ..quantization.rewriting import FOR_INT8, rewrite
from ..signatures import expected, main_name, named_models, output_names
from ..tflite import float_conversion
from . import weights
from .building import build
from .joining import without_requantising
from .structure import read
from .template import QuantizedTemplate


def make(model, precision, calibration, ranges):
    """See `quantization_aware`."""
    parts = named_models(model)
    name = main_name(parts)
    source = integer_source(float_conversion(model, parts))
    samples = _noise(expected(parts)[name]) if calibration is None else calibration
    content = quantize(source, precision, samples)
    return twin(parts[name], source, content, precision, name, ranges, calibration is not None)


def integer_source(float_file):
    """The float32 file that has the operators of the integer file."""
    return rewrite(fold_constants(subpixel.rewrite(float_file)), FOR_INT8)


def twin(model, source, content, precision, signature, ranges="moving_average", known=True):
    """The model that computes as an integer file does.

    Args:
        model: What the files were made from, of which one signature is trained.
        source: The float32 file of `integer_source`.
        content: The integer file made from it.
        precision, signature: Of the integer file.
        ranges: See `quantization_aware`.
        known: Whether the integer file was calibrated with real data.
    """
    content = without_requantising(content)
    template = QuantizedTemplate(content, source, precision, signature, output_names(model), name="template")
    floats = weights.of(flatbuffer.parse(source), signature)
    return build(model, read(content, signature), floats, template, ranges, known)


def _noise(signature):
    """Samples that give a file its structure; what they show of ranges is not used."""
    rng = np.random.default_rng(0)
    rows = {
        tensor.name: rng.random((16, *tensor.shape[1:])).astype(tensor.dtype) for tensor in signature.inputs
    }
    return [rows]
