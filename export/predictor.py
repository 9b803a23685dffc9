"""Run a `.tflite` file in LiteRT on batches of real values."""

from collections.abc import Mapping

import numpy as np

from .contents import inspect, read
from .errors import InvalidFile, InvalidInput, WorkerDied
from .inference import Apart, Here
from .process import JobFailed
from .trying import made_here, try_out


def load(tflite, threads=1):
    """Load a file for prediction.

    A file that was not made in this process runs in a child, at once with zeros and then whenever it is asked, so
    that one on which LiteRT crashes is an error here.

    Args:
        tflite: The file's path, or its bytes.
        threads: Threads LiteRT may use.

    Returns:
        A `Predictor`.

    Raises:
        InvalidFile: It is not a `.tflite` file, it is damaged, or LiteRT does not run it.
        InvalidInput: `threads` is not a positive integer.
    """
    if not isinstance(threads, int) or threads < 1:
        raise InvalidInput(f"threads must be a positive integer, not {threads!r}.")
    return Predictor(read(tflite), threads)


class Predictor:
    """A loaded file, called like a function. One thread may use it at a time.

    `contents` is what `inspect` says about the file; `signatures` the names it can be called by.
    """

    def __init__(self, content, threads=1):
        self.contents = inspect(content)
        self.signatures = tuple(self.contents.signatures)
        _refuse_foreign(self.contents)
        try:
            try_out(content)
        except (JobFailed, WorkerDied) as error:
            raise InvalidFile(f"LiteRT does not run the file: {error}. Convert the model again.") from error
        self._run = (Here if made_here(content) else Apart)(content, threads, self.signatures)

    def __call__(self, batch, signature=None):
        """Predict a batch, one sample at a time.

        Values are quantised and dequantised with the file's own scales, rounded to the nearest
        integer, ties to even, and clipped to the type's range.

        Args:
            batch: An array `(n, *input_shape)`, or a dict of them where there are several inputs.
            signature: The name to call; None for the main one.

        Returns:
            The output `(n, ...)` in real values; a dict from name to output if there are several.
        """
        outputs = self.raw(batch, signature)
        described = self._signature(signature).outputs
        real = {tensor.name: dequantise(outputs[tensor.name], tensor) for tensor in described}
        return next(iter(real.values())) if len(real) == 1 else real

    def raw(self, batch, signature=None):
        """Like a call, but a dict with the outputs as the file stores them."""
        described = self._signature(signature)
        arrays = self._arrays(batch, described)
        outputs = self._run(signature or self.signatures[0], arrays)
        return {tensor.name: outputs[tensor.name] for tensor in described.outputs}

    def _signature(self, name):
        if name is not None and name not in self.signatures:
            raise InvalidInput(f"The file has no signature {name!r}. Possible: {', '.join(self.signatures)}.")
        return self.contents.signatures[name or self.signatures[0]]

    def _arrays(self, batch, described):
        inputs = described.inputs
        if not isinstance(batch, Mapping):
            parts = batch if isinstance(batch, (list, tuple)) and len(inputs) > 1 else [batch]
            batch = dict(zip((tensor.name for tensor in inputs), parts, strict=False))
        if set(batch) != {tensor.name for tensor in inputs}:
            raise InvalidInput(
                f"The file has the inputs {', '.join(tensor.name for tensor in inputs)}; "
                f"the batch has {', '.join(map(str, batch))}."
            )
        arrays = {tensor.name: fitting(batch[tensor.name], tensor) for tensor in inputs}
        if len({len(array) for array in arrays.values()}) > 1:
            raise InvalidInput("The inputs of a batch differ in length.")
        return arrays


def quantise(values, tensor):
    """Real values as a tensor stores them; unchanged for a tensor without a scale."""
    if not tensor.scale:
        return values.astype(tensor.dtype, copy=False)
    limits = np.iinfo(tensor.dtype)
    steps = np.rint(values / np.float32(tensor.scale)) + tensor.zero_point
    return np.clip(steps, limits.min, limits.max).astype(tensor.dtype)


def dequantise(stored, tensor):
    """Stored values as real ones."""
    if not tensor.scale:
        return stored
    return (stored.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)


def fitting(values, tensor):
    """A batch of one input as a file takes it; `InvalidInput` where it has another shape or no numbers."""
    array = np.asarray(values)
    expected = tensor.shape[1:]
    if array.ndim != len(expected) + 1 or array.shape[1:] != expected:
        raise InvalidInput(
            f"Input {tensor.name!r} has shape {array.shape}, expected (n, {', '.join(map(str, expected))})."
        )
    if not len(array):
        raise InvalidInput(f"Input {tensor.name!r} is empty: pass at least one sample.")
    if array.dtype.kind not in "fiub":
        raise InvalidInput(f"Input {tensor.name!r} is of type {array.dtype}, expected numbers.")
    finite = np.isfinite(array)
    if not finite.all():
        bad = int((~finite).reshape(len(array), -1).any(1).sum())
        raise InvalidInput(
            f"Input {tensor.name!r} holds values that are not finite in {bad} of {len(array)} samples. Drop them."
        )
    if not tensor.scale:
        return array.astype(tensor.dtype)
    return quantise(array.astype(np.float32), tensor)


def _refuse_foreign(contents):
    if contents.flex or contents.custom:
        names = ", ".join((*contents.flex, *contents.custom))
        raise InvalidFile(
            f"The file needs operators that LiteRT does not have: {names}. Convert the model again"
            " with `export.to_tflite`, which says what to replace."
        )
    bare = [name for name, part in contents.signatures.items() if not (part.inputs and part.outputs)]
    if bare:
        raise InvalidFile(
            f"Signature {', '.join(bare)} has no inputs, or no outputs: there is nothing to call. Convert the model"
            " again."
        )
    open_batch = [
        tensor.name
        for signature in contents.signatures.values()
        for tensor in signature.inputs
        if not tensor.shape or tensor.shape[0] != 1
    ]
    if open_batch:
        raise InvalidFile(f"Inputs {', '.join(open_batch)} have no batch axis of 1. Convert the model again.")
