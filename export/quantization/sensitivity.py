"""How much each layer suffers from few bits, and which layers can be given more."""

import glob
from dataclasses import replace
from math import inf

from .. import flatbuffer
from ..contents import inspect
from ..errors import ExportError
from ..floating import float_layers
from ..layers import label, select
from ..running import outputs
from . import quantizer
from .calibration import samples_for
from .folding import fold_constants
from .four_bits import KERNELS, narrow
from .options import QuantizationOptions
from .rewriting import FOR_INT8, FOR_INT16, rewrite
from .rules import rules_for
from .treatments import COMPARED_SAMPLES, error, first


def sensitivities(float_file, precision, calibration, options, report, timeout):
    """The error of the output where one layer alone has few bits.

    Of an int4 file it is the layer whose weights have 4 bits while the others have 8; else the one that
    computes in integers while the others compute in float.

    Args:
        float_file: The file's bytes.
        precision: `int8`, `int4` or `int16x8`.
        calibration: See `to_tflite`.
        options: `QuantizationOptions`, of which the ranges count.
        report: A function called with `(stage, done, total)`.
        timeout: Seconds that running a file may take.

    Returns:
        A dict from layer to the root mean square error on calibration samples, in standard deviations
        of the output, averaged over outputs; the largest first. None is for a file that does not run.
    """
    work = _Probe(float_file, precision, calibration, options, timeout)
    layers, found = layers_of(work.source, precision), {}
    for done, layer in enumerate(layers):
        report("measuring layers", done, len(layers))
        found[layer] = work.error_of(layer, layers)
    report("measuring layers", len(layers), len(layers))
    return dict(sorted(found.items(), key=lambda item: -inf if item[1] is None else -item[1]))


def possible(float_file, precision, calibration, options, level, ranked):
    """Those of the ranked layers that can be kept at a level: LiteRT has a kernel for all they do."""
    if level != "keep_int16" or not ranked:
        return list(ranked)
    work = _Probe(float_file, precision, calibration, options, None)
    kept = keeping(QuantizationOptions(), level, ranked)
    content = quantizer.apply(work.source, rules_for(work.source, 8, kept), work.samples, work.options)
    in_float = float_layers(content)
    return [layer for layer in ranked if layer not in in_float]


def layers_of(source, precision):
    """The layers that have something to lose, in the order in which they compute."""
    model, found = flatbuffer.parse(source), {}
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            if precision != "int4" or flatbuffer.operator_name(model, operator) in KERNELS:
                found[label(model, graph, operator)] = None
    return [name for name in found if "/" not in name and ":" not in name]


def keeping(options, level, layers):
    """Options that keep more layers at a level."""
    before = getattr(options, level)
    return replace(options, **{level: (*before, *(glob.escape(layer) for layer in layers))})


class _Probe:
    """A float file ready to be quantised layer by layer."""

    def __init__(self, float_file, precision, calibration, options, timeout):
        self.precision, self.timeout = precision, timeout
        self.source = rewrite(fold_constants(float_file), FOR_INT16 if precision == "int16x8" else FOR_INT8)
        samples = samples_for(inspect(float_file).signatures, calibration, precision)
        self.samples = first(samples, options.samples) if options.samples else samples
        self.options = replace(options, keep_float=(), keep_int16=(), keep_int8=())
        self.few = first(self.samples, COMPARED_SAMPLES)
        self.reference = outputs(self.source, self.few, timeout) if timeout else None

    def error_of(self, layer, layers):
        """The error of the output where only `layer` has few bits, None if such a file does not run."""
        others = [name for name in layers if name != layer]
        level = "keep_int8" if self.precision == "int4" else "keep_float"
        options = keeping(self.options, level, others)
        bits = 16 if self.precision == "int16x8" else 8
        try:
            content = quantizer.apply(
                self.source, rules_for(self.source, bits, options), self.samples, self.options
            )
            if self.precision == "int4":
                content = narrow(content, select(self.source, options.keep_int8, level))
            return error(content, outputs(content, self.few, self.timeout), self.reference)
        except ExportError:
            return None
