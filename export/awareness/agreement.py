"""How closely an integer file does what training simulated."""

from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInput
from ..predictor import load, quantise
from ..signatures import call
from . import twins_of


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The comparison of a quantisation-aware model with its file.

    `exact` is the share of output values that are the same integer, `within_one` that of values at most one
    step apart, `largest` the most steps that any is apart. `same_class` is the share of samples whose largest
    output is at the same place; None unless the output is a vector of classes or an image of such.
    """

    samples: int
    exact: float
    within_one: float
    largest: int
    same_class: float | None


def simulation(model, tflite, batches, signature=None):
    """Compare a quantisation-aware model with its file, in steps of the file's outputs.

    Args:
        model: A model of `quantization_aware`.
        tflite: Its integer file, a path or bytes.
        batches: An iterable of batches `(n, *input_shape)`, or of dicts from input name to such.
        signature: Which of several they are for; the main one by default.

    Returns:
        A `Simulation` over all samples and outputs.

    Raises:
        InvalidInput: There is no such signature.
    """
    predictor = load(tflite)
    signature = signature or predictor.signatures[0]
    if signature not in predictor.signatures:
        possible = ", ".join(predictor.signatures)
        raise InvalidInput(f"There is no signature {signature!r}. Possible: {possible}.")
    outputs, model = predictor.contents.signatures[signature].outputs, _of(model, signature)
    distances, same = [], []
    for batch in batches:
        stored = predictor.raw(batch, signature)
        simulated = call(model, batch)
        for tensor in outputs:
            expected = quantise(np.asarray(simulated[tensor.name]), tensor)
            distances.append(np.abs(expected.astype(int) - stored[tensor.name].astype(int)))
            if expected.ndim in (2, 4) and expected.shape[-1] > 1:
                same.append(expected.argmax(-1) == stored[tensor.name].argmax(-1))
    steps = np.concatenate([found.ravel() for found in distances])
    return Simulation(
        samples=sum(len(found) for found in distances) // len(outputs),
        exact=float(np.mean(steps == 0)),
        within_one=float(np.mean(steps <= 1)),
        largest=int(steps.max()),
        same_class=float(np.mean(np.concatenate([found.ravel() for found in same]))) if same else None,
    )


def _of(model, signature):
    """The model of a signature."""
    return (twins_of(model) or {signature: model})[signature]
