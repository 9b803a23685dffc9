"""Compare a file with the Keras model it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import awareness
from .contents import read
from .errors import ExportError, InvalidInput
from .explaining import explain
from .floating import float_operators
from .predictor import dequantise, load, quantise
from .signatures import call, named_models, named_outputs

# Largest root mean square error of an output, in standard deviations of the reference output.
# float32 differs only in the order of additions. float16 rounds weights to 11 bits: 5e-4 each.
# The others round weights to 8 bits with a scale a channel, int8 also activations to 8 bits with a
# scale a tensor; errors grow with depth. The bounds are several times what trained networks show and
# catch a broken file, not a poor one: whether a file is good enough is for the task's metric to say.
# An output that hardly varies may be off by its own resolution: one step of its scale, or 1e-6 of
# its magnitude in float.
BOUNDS = {
    "float32": 1e-4,
    "float16": 1e-2,
    "dynamic_int8": 0.15,
    "int16x8": 0.15,
    "int8": 0.3,
    "int4": 0.7,
}

FLOAT_RESOLUTION = 1e-6

# Where a file picks the largest or the least of many values, rounding lets another one win now and then, and
# all that follows is another value.
PICKING = ("TOPK_V2", "REDUCE_MIN")
PICKING_BOUNDS = BOUNDS | {"float16": 0.1, "dynamic_int8": 0.3, "int16x8": 0.3}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far one output of a file is from the Keras model's.

    `max_error` is in the output's own unit, `rms_error` in standard deviations of the reference,
    `max_steps` in steps of the output's scale (None for a float output). `bound` is what
    `rms_error` may reach. `same_class` is the share of samples whose largest entry is the same
    (None unless the output is a vector of classes).
    """

    signature: str
    output: str
    samples: int
    max_error: float
    rms_error: float
    bound: float
    max_steps: int | None
    same_class: float | None


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The comparison of a file with its model. `problems` says in sentences what is wrong.

    `unchecked` names signatures for which no data was given.
    """

    precision: str
    agreements: tuple[Agreement, ...]
    unchecked: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def passed(self):
        return not self.problems


def verify(model, tflite, batches, signatures=None, precision=None, keep_float=(), float_file=None):
    """Compare a file with its model on real data.

    Args:
        model: The `keras.Model` the file was made from.
        tflite: The file's path, or its bytes.
        batches: An iterable of arrays `(n, *input_shape)` for the main signature, or a mapping from
            signatures to such iterables.
        signatures: The models of the file's signatures, as given to `to_tflite`.
        precision: What the file is meant to be; None takes what it is.
        keep_float: The layers, as names or patterns, that may be in float in a file of integers.
        float_file: The float32 file that it was derived from, its path or bytes. Where an output is off, the
            problem then names the first layer in which the two part ways.

    Returns:
        A `Verification`; look at `passed` and `problems`.
    """
    parts = named_models(model, signatures)
    predictor = load(tflite)
    precision = precision or predictor.contents.precision
    problems = [
        *_structure_problems(predictor.contents, precision, read(tflite), keep_float),
        *_shape_problems(predictor, parts),
    ]
    data = batches if isinstance(batches, Mapping) else {next(iter(parts)): batches}
    if float_file is not None:
        data = {name: _kept(part) for name, part in data.items()}
    picks = set(PICKING) & set(predictor.contents.operators)
    bound = (PICKING_BOUNDS if picks else BOUNDS)[precision]
    if awareness.is_aware(model) and not awareness.makes(parts, precision):
        bound = max(bound, BOUNDS["int8"])  # the model computes in integers, the file does not
    agreements = ()
    if not problems:
        agreements = tuple(
            agreement
            for name, part_batches in data.items()
            for agreement in _agreements(predictor, parts, name, part_batches, bound)
        )
    for agreement in agreements:
        for text in _error_problems(agreement):
            problems.append(text + _parting(float_file, tflite, data, agreement))
    return Verification(
        precision=precision,
        agreements=agreements,
        unchecked=tuple(name for name in parts if name not in data),
        problems=tuple(problems),
    )


def _kept(batches):
    return batches if isinstance(batches, np.ndarray) else list(batches)


def _parting(float_file, tflite, data, agreement):
    """Where the files part ways, to go on with a sentence; nothing if that can't be told."""
    if float_file is None:
        return ""
    try:
        found = explain(float_file, tflite, data[agreement.signature], agreement.signature)
    except ExportError:
        return ""
    first = found.first_above(agreement.bound)
    if first is None:
        return ""
    return (
        f"; the first layer that is off by more is {first.layer!r} ({first.operator}) with {first.error:.3g},"
        f" {first.own_error:.3g} of it its own"
    )


def _structure_problems(contents, precision, content, keep_float):
    if contents.precision != precision:
        yield f"the file is {contents.precision}, expected {precision}"
    if precision not in ("int8", "int4"):
        return
    if keep_float:
        left = float_operators(content, keep_float)
        if left:
            counted = ", ".join(f"{name} ({count})" for name, count in left.items())
            yield f"operators of other layers than {', '.join(keep_float)} compute in float: {counted}"
    elif contents.float_tensors:
        names = ", ".join(contents.float_tensors[:3])
        yield f"{len(contents.float_tensors)} tensors are float, e.g. {names}"


def _shape_problems(predictor, parts):
    if set(predictor.signatures) != set(parts):
        yield (f"the file has the signatures {', '.join(predictor.signatures)}, expected {', '.join(parts)}")
        return
    for name, part in parts.items():
        described = predictor.contents.signatures[name]
        expected = {key: tuple(tensor.shape[1:]) for key, tensor in named_outputs(part, part.output).items()}
        found = {tensor.name: tensor.shape[1:] for tensor in described.outputs}
        if found != expected:
            yield f"signature {name!r} returns {found}, expected {expected}"


def _agreements(predictor, parts, name, batches, bound):
    if name not in parts:
        raise InvalidInput(f"There is no signature {name!r}. Possible: {', '.join(parts)}.")
    part, collected = parts[name], {}
    for batch in [batches] if isinstance(batches, np.ndarray) else batches:
        # The file first: it says more clearly what is wrong with a batch.
        stored = predictor.raw(batch, name)
        reference = call(part, batch)
        for key, values in reference.items():
            collected.setdefault(key, []).append((np.asarray(values), stored[key]))
    if not collected:
        raise InvalidInput(f"No data was given to verify signature {name!r}: pass at least one batch.")
    for tensor in predictor.contents.signatures[name].outputs:
        references, outputs = (np.concatenate(rows) for rows in zip(*collected[tensor.name], strict=True))
        yield compare(name, tensor, references, outputs, bound)


def compare(signature, tensor, reference, stored, bound):
    """The `Agreement` of one output, a `contents.Tensor`, with its reference in real values."""
    real = dequantise(stored, tensor).astype(np.float64)
    error = real - reference
    steps = None
    if tensor.scale:
        steps = int(np.abs(stored.astype(np.int64) - quantise(reference, tensor)).max())
    spread, magnitude = float(reference.std()), float(np.abs(reference).max())
    spread = spread or magnitude or 1.0
    classes = reference.ndim == 2 and reference.shape[1] > 1
    return Agreement(
        signature=signature,
        output=tensor.name,
        samples=len(reference),
        max_error=float(np.abs(error).max()),
        rms_error=float(np.sqrt(np.mean(error**2)) / spread),
        bound=bound + (tensor.scale or FLOAT_RESOLUTION * magnitude) / spread,
        max_steps=steps,
        same_class=float(np.mean(real.argmax(1) == reference.argmax(1))) if classes else None,
    )


def _error_problems(agreement):
    # Written so that NaN fails.
    if not agreement.rms_error <= agreement.bound:
        yield (
            f"output {agreement.output!r} of {agreement.signature!r} is off by"
            f" {agreement.rms_error:.3g} standard deviations (root mean square over"
            f" {agreement.samples} samples), allowed {agreement.bound:.3g}"
        )
