"""The range of every activation, from running the float32 file on calibration samples."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from .. import flatbuffer
from .options import QuantizationOptions

BINS = 2048
KEPT = 2
_measured = OrderedDict()


@dataclass
class Activation:
    """What was seen of one tensor: its range, and if asked for the sum over samples, of its shape."""

    rank: int
    low: float = np.inf
    high: float = -np.inf
    seen: int = 0
    total: np.ndarray | float = 0.0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))


def activation_ranges(float_file, samples, options=None):
    """The range of every float activation.

    A moving average over samples, the default of `ai-edge-quantizer`, would cut off what only few
    of them reach; unless asked otherwise, minima and maxima are merged over all. Every operator runs
    by LiteRT's own kernels, so that every activation is kept.

    Args:
        float_file: The file's bytes.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`.
        options: `QuantizationOptions`.

    Returns:
        A dict from tensor name to `{"min": array, "max": array}`, of the tensor's rank.
    """
    options = options or QuantizationOptions()
    return {
        name: {
            "min": np.full((1,) * seen.rank, seen.low, np.float32),
            "max": np.full((1,) * seen.rank, seen.high, np.float32),
        }
        for name, seen in _activations(float_file, samples, options, False).items()
        if seen.low <= seen.high
    }


def activation_means(float_file, samples):
    """The mean over samples of every float activation, by the tensor's name; see `activation_ranges`."""
    found = _activations(float_file, samples, QuantizationOptions(), True)
    return {name: seen.total / seen.seen for name, seen in found.items() if seen.seen}


def _activations(float_file, samples, options, sums):
    """The `Activation` of every float tensor by name. The last results are kept: precisions share them."""
    key = (_digest(float_file, samples), options.ranges, options.momentum, options.percentile, sums)
    found = _measured.get(key)
    if found is None:
        found = _measured[key] = _Run(float_file, samples).measure(options, sums)
        while len(_measured) > KEPT:
            _measured.popitem(last=False)
    return found


def keeping_interpreter(content):
    """An interpreter whose activations can all be read after a run, without a delegate."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=bytes(content),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


class _Run:
    """A file, ready to be run on samples while every activation is looked at."""

    def __init__(self, float_file, samples):
        self.interpreter, self.samples = keeping_interpreter(float_file), samples
        model = flatbuffer.parse(float_file)
        self.graphs = {entry.signatureKey.decode(): entry.subgraphIndex for entry in model.signatureDefs}
        self.watched = {name: list(_computed(model, model.subgraphs[self.graphs[name]])) for name in samples}

    def measure(self, options, sums):
        """An `Activation` by tensor name."""
        found = {}
        momentum = options.momentum if options.ranges == "moving_average" else None
        for name, values in self.values():
            if name not in found:
                found[name] = Activation(values.ndim)
            _see(found[name], values, momentum, sums)
        if options.ranges == "percentile":
            for name, values in self.values():
                _count(found[name], values)
            for seen in found.values():
                _cut(seen, options.percentile)
        return found

    def values(self):
        """Name and values of every activation, sample by sample."""
        for signature, arrays in self.samples.items():
            run, graph = self.interpreter.get_signature_runner(signature), self.graphs[signature]
            for index in range(len(next(iter(arrays.values())))):
                run(**{name: rows[index : index + 1] for name, rows in arrays.items()})
                for tensor, name in self.watched[signature]:
                    yield name, self.interpreter.get_tensor(tensor, graph)


def _digest(float_file, samples):
    digest = hashlib.sha256(float_file)
    for signature, arrays in samples.items():
        for name, rows in arrays.items():
            digest.update(f"{signature}/{name}/{rows.shape}/{rows.dtype}".encode())
            digest.update(np.ascontiguousarray(rows).view(np.uint8).ravel())
    return digest.digest()


def _computed(model, graph):
    """Index and name of the float32 tensors that a graph takes or computes."""
    computed = {i for operator in graph.operators or [] for i in operator.outputs}
    for index in sorted({*graph.inputs, *computed}):
        tensor = graph.tensors[index]
        if flatbuffer.type_name(tensor.type) == "float32":
            yield index, tensor.name.decode()


def _see(seen, values, momentum, sums):
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):  # padding before a maximum may be -inf, which no scale could hold
        finite = values[np.isfinite(values)]
        if not finite.size:
            return
        low, high = float(finite.min()), float(finite.max())
        values = np.clip(values, low, high)
    if momentum is None or not seen.seen:
        seen.low, seen.high = min(seen.low, low), max(seen.high, high)
    else:
        seen.low += (1 - momentum) * (low - seen.low)
        seen.high += (1 - momentum) * (high - seen.high)
    seen.seen += 1
    if sums:
        seen.total = seen.total + values


def _count(seen, values):
    if seen.low < seen.high:
        seen.counts += np.histogram(values, BINS, (seen.low, seen.high))[0]


def _cut(seen, percentile):
    """Narrow a range to the values between two percentiles."""
    total = seen.counts.sum()
    if not total:
        return
    edges = np.linspace(seen.low, seen.high, BINS + 1)
    shares = np.append(0, np.cumsum(seen.counts)) / total
    seen.low, seen.high = np.interp([1 - percentile / 100, percentile / 100], shares, edges)
