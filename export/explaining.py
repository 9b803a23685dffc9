"""Where a file loses what its float file knows: the error of every layer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import flatbuffer, layers
from .contents import inspect, read
from .costs import operator_costs
from .errors import ExportError, InvalidInput, WorkerDied
from .pairing import Pairs
from .predictor import fitting
from .process import TIMEOUT, JobFailed, shared
from .scratch import scratch_folder

SAMPLES = 16
LEAST, AFFORDABLE = 4, 100_000_000
"""Samples that even a large model is explained with, and the products that all samples may take together."""


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """How far one tensor of a file is from the float file's, in standard deviations of the latter.

    `error` is the root mean square of the difference, with all that came before. `own_error` is what the
    layer adds: the difference from what the float operator gives *on the file's own inputs*, so the rounding
    of its weights and its output. `layer` and `operator` say which it is, `tensor` is its name in both files;
    the operator of a graph's input is `INPUT`.
    """

    layer: str
    operator: str
    tensor: str
    error: float
    own_error: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The layers of one signature in the order in which they run, over `samples` samples.

    Operators whose output has no counterpart in the file, such as those that were rewritten, count with the
    next one that has.
    """

    signature: str
    samples: int
    layers: tuple[LayerError, ...]

    @property
    def ranked(self):
        """The layers, the one with the largest error of its own first."""
        return tuple(sorted(self.layers, key=lambda layer: _falling(layer.own_error)))

    def first_above(self, bound):
        """The first layer whose `error` is above a bound, or None: there the files part ways."""
        return next((layer for layer in self.layers if not layer.error <= bound), None)


def explain(float_file, tflite, batches, signature=None, samples=SAMPLES, timeout=TIMEOUT):
    """Compare a file with the float file that it was derived from, layer by layer, on real data.

    Both run in a child process with LiteRT's own kernels and every tensor kept. XNNPACK rounds a little
    differently, above all in `dynamic_int8`, whose activations are quantised while it runs.

    Args:
        float_file: The float32 file, its path or its bytes.
        tflite: The file derived from it, its path or its bytes.
        batches: An iterable of arrays `(n, *input_shape)`, or of dicts from input name to array.
        signature: The name of the signature that the batches are for; None for the main one.
        samples: How many samples to take, at most.
        timeout: Seconds the whole comparison may take.

    Returns:
        An `Explanation`.

    Raises:
        ExportError: LiteRT can't run one of the files this way.
        InvalidFile: One of them is not a `.tflite` file, or damaged.
        InvalidInput: The files have no such signature or differ in their inputs, or the data do not fit.
    """
    contents = read(float_file), read(tflite)
    described = tuple(inspect(content).signatures for content in contents)
    signature = signature or next(iter(described[0]))
    _check_signatures(signature, described)
    taken = _taken(batches, described[0][signature].inputs, samples)
    pairs = Pairs(*map(flatbuffer.parse, contents), signature)
    arrays = {
        f"{side}/{tensor.name}": fitting(taken[tensor.name], tensor)
        for side, signatures in zip(("float", "file"), described, strict=True)
        for tensor in signatures[signature].inputs
    }
    errors = _compared(contents, pairs, signature, arrays, timeout)
    count = len(next(iter(taken.values())))
    return Explanation(signature=signature, samples=count, layers=tuple(_named(pairs, errors)))


def explain_all(float_file, tflite, batches, timeout=TIMEOUT):
    """An `Explanation` for each signature that there are data for, of few samples where a model is large.

    Args:
        float_file, tflite, timeout: See `explain`.
        batches: As for the main signature, or a mapping from signatures to such iterables.

    Returns:
        A tuple; empty where LiteRT can't run the files this way.
    """
    if not isinstance(batches, Mapping) or not set(batches) <= set(inspect(float_file).signatures):
        batches = {None: batches}
    try:
        return tuple(
            explain(float_file, tflite, part, name, _affordable(float_file, name, len(batches)), timeout)
            for name, part in batches.items()
        )
    except ExportError:
        return ()


def _affordable(float_file, signature, signatures):
    macs = sum(cost.macs for cost in operator_costs(float_file, signature))
    return max(LEAST, min(SAMPLES, AFFORDABLE // max(macs, 1))) // signatures or 1


def _named(pairs, errors):
    """A `LayerError` for each pair."""
    for (index, *_), maker, found in zip(pairs.pairs, pairs.makers, errors, strict=True):
        tensor = pairs.graph.tensors[index].name.decode(errors="replace")
        yield LayerError(
            layer=tensor if maker is None else layers.label(pairs.model, pairs.graph, maker),
            operator="INPUT" if maker is None else flatbuffer.operator_name(pairs.model, maker),
            tensor=tensor,
            error=found["error"] / found["spread"],
            own_error=found["own_error"] / found["spread"],
        )


def _compared(contents, pairs, signature, arrays, timeout):
    apart, feeds = pairs.apart()
    with scratch_folder() as scratch:
        files = {"float_file": contents[0], "file": contents[1], "apart": apart}
        for name, content in files.items():
            (scratch / f"{name}.tflite").write_bytes(content)
        np.savez(scratch / "samples.npz", **arrays)
        try:
            return shared.call(
                "compare",
                timeout,
                **{name: str(scratch / f"{name}.tflite") for name in files},
                samples=str(scratch / "samples.npz"),
                signature=signature,
                graphs=pairs.graphs,
                pairs=pairs.pairs,
                feeds=feeds,
                computed=[maker is not None for maker in pairs.makers],
            )
        except (JobFailed, WorkerDied) as error:
            raise ExportError(
                f"The files can't be compared layer by layer: {error}. `verify` compares their outputs."
            ) from error


def _taken(batches, inputs, count):
    """The first samples of all batches, by input name."""
    if not isinstance(count, int) or count < 1:
        raise InvalidInput(f"samples must be a positive integer, not {count!r}.")
    rows = {tensor.name: [] for tensor in inputs}
    for batch in [batches] if isinstance(batches, np.ndarray) else batches:
        batch = batch if isinstance(batch, Mapping) else {inputs[0].name: batch}
        if set(batch) != set(rows):
            raise InvalidInput(f"A batch has the inputs {', '.join(batch)}, expected {', '.join(rows)}.")
        for name, values in batch.items():
            rows[name].append(np.asarray(values))
        if sum(map(len, rows[inputs[0].name])) >= count:
            break
    if not rows[inputs[0].name]:
        raise InvalidInput("No data was given to explain a file with: pass at least one batch.")
    return {name: np.concatenate(arrays)[:count] for name, arrays in rows.items()}


def _check_signatures(signature, described):
    for found in described:
        if signature not in found:
            raise InvalidInput(f"There is no signature {signature!r}. Possible: {', '.join(found)}.")
    inputs = [{t.name: t.shape for t in found[signature].inputs} for found in described]
    if inputs[0] != inputs[1]:
        raise InvalidInput(
            f"The files take other inputs, {inputs[0]} and {inputs[1]}: the second is not made from the"
            " first. Give the float32 file that it was derived from."
        )


def _falling(value):
    """A key by which larger values, and NaN before all, come first."""
    return -math.inf if math.isnan(value) else -value
