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
    converted = float_conversion(model, parts)
    source = rewrite(fold_constants(subpixel.rewrite(converted)), FOR_INT8)
    samples = _noise(expected(parts)[name]) if calibration is None else calibration
    content = without_requantising(quantize(source, precision, samples))
    template = QuantizedTemplate(content, source, precision, name, output_names(parts[name]), name="template")
    return build(
        parts[name],
        read(content, name),
        weights.of(flatbuffer.parse(source), name),
        template,
        ranges,
        calibration is not None,
    )


def _noise(signature):
    """Samples that give a file its structure; what they show of ranges is not used."""
    rng = np.random.default_rng(0)
    rows = {
        tensor.name: rng.random((16, *tensor.shape[1:])).astype(tensor.dtype) for tensor in signature.inputs
    }
    return [rows]
