"""How far TensorFlow Lite Micro is from LiteRT, as a whole and operator by operator."""

from dataclasses import dataclass

import numpy as np

from .. import flatbuffer
from ..errors import ExportError
from .pieces import operators

KERNELS = ("reference", "optimized")
# The reference set lists these kernels, which do all that newer versions ask of them, with an older one.
LISTED_AS = {"DEPTH_TO_SPACE": 1}
# A float output counts a difference of this share of its largest value as a step.
FLOAT_STEP = 1e-5


@dataclass(frozen=True)
class Comparison:
    """The largest difference in steps, the share of equal elements, and the sample of the difference."""

    steps: int
    equal: float
    row: int


def closest(file, content, found, outputs):
    """The set of LiteRT's kernels that is closer, and the `Comparison` with it."""
    compared, refusals = {}, []
    place = file.folder / "relisted.tflite"
    place.write_bytes(_relisted(content))
    for kernels in KERNELS:
        try:
            _, expected = file.outputs("litert", kernels=kernels, file=str(place))
            compared[kernels] = compare(found, expected, outputs)
        except ExportError as error:
            refusals.append(str(error))
    if not compared:
        raise ExportError(f"LiteRT can't run the file: {refusals[-1]}")
    return min(compared.items(), key=lambda entry: (entry[1].steps, -entry[1].equal))


def _relisted(content):
    model = flatbuffer.parse(content)
    for code in model.operatorCodes:
        name = flatbuffer.word("BuiltinOperator", max(code.builtinCode, code.deprecatedBuiltinCode))
        code.version = LISTED_AS.get(name, code.version)
    return flatbuffer.serialise(model)


def compare(found, expected, outputs):
    """The `Comparison` of arrays `(n, ...)`, one a `contents.Tensor` of `outputs`."""
    errors = []  # (n, elements) an output, in steps
    for ours, theirs, tensor in zip(found, expected, outputs, strict=True):
        unit = 1 if np.dtype(tensor.dtype).kind != "f" else FLOAT_STEP * (np.abs(theirs).max() or 1)
        error = np.abs(ours.astype(np.float64).reshape(theirs.shape) - theirs) / unit
        # A result that is no number counts as a large difference.
        errors.append(np.nan_to_num(error, nan=1e9, posinf=1e9).reshape(len(error), -1))
    errors = np.concatenate(errors, 1)
    return Comparison(
        steps=int(np.ceil(errors.max())),
        equal=float(np.mean(errors == 0)),
        row=int(errors.max(1).argmax()),
    )


def operator_steps(file, content, row):
    """A dict from operators to how far they are from LiteRT's nearest kernel, given the same inputs.

    Args:
        file, content: As above.
        row: Number of the sample whose values the operators are given.
    """
    singles = []
    for number, (name, part, inputs) in enumerate(operators(content)):
        place = file.folder / f"operator{number}.tflite"
        place.write_bytes(part)
        if inputs:
            singles.append({"name": name, "file": str(place), "inputs": inputs})
    differences = file.call("operators", singles=singles, row=row)
    worst = {}
    for single, steps in zip(singles, differences, strict=True):
        worst[single["name"]] = max(steps, worst.get(single["name"], 0))
    return worst
