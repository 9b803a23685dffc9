"""Equalisation and bias correction, kept where they bring the integer file closer to the float file."""

import numpy as np

from ..contents import inspect
from ..predictor import dequantise
from ..running import outputs
from .bias_correction import correct_biases
from .equalization import equalize
from .outcome import Change

COMPARED_SAMPLES = 64


class Treated:
    """An integer file that is made better step by step.

    Args:
        source: The float32 file's bytes.
        make: A function from a float32 file to an integer file.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`.
        timeout: Seconds that running a file may take.
    """

    def __init__(self, source, make, samples, timeout):
        self.source, self.make, self.samples, self.timeout = source, make, samples, timeout
        self.content = make(source)
        self._reference = self._error = None

    def equalize(self, choice):
        """Make the file from equalised weights; returns the `Change`, None if there is nothing to do."""
        if choice == "never":
            return None
        equalized, pairs = equalize(self.source)
        if not pairs:
            return None
        change = self._try(self.make(equalized), choice)
        if change.kept:
            self.source = equalized
        return change

    def correct_biases(self, choice):
        """Correct the biases; returns the `Change`, None if there is nothing to do."""
        if choice == "never":
            return None
        corrected = correct_biases(self.content, self.source, self.samples)
        return self._try(corrected, choice) if corrected != self.content else None

    def _try(self, content, choice):
        before, after = self._known_error(), self._measure(content)
        kept = choice == "always" or after < before
        if kept:
            self.content, self._error = content, after
        return Change(before=before, after=after, kept=kept)

    def _known_error(self):
        if self._error is None:
            self._error = self._measure(self.content)
        return self._error

    def _measure(self, content):
        few = first(self.samples, COMPARED_SAMPLES)
        if self._reference is None:
            self._reference = outputs(self.source, few, self.timeout)
        return error(content, outputs(content, few, self.timeout), self._reference)


def error(content, stored, reference):
    """The root mean square error in standard deviations of the reference, averaged over outputs."""
    found = []
    for name, signature in inspect(content).signatures.items():
        for tensor in signature.outputs if name in stored else ():
            wanted = reference[name][tensor.name].astype(np.float64)
            spread = float(wanted.std()) or float(np.abs(wanted).max()) or 1.0
            off = dequantise(stored[name][tensor.name], tensor) - wanted
            found.append(float(np.sqrt(np.mean(off**2))) / spread)
    return float(np.mean(found))


def first(samples, count):
    """The first samples of every signature."""
    return {
        signature: {name: rows[:count] for name, rows in arrays.items()}
        for signature, arrays in samples.items()
    }
