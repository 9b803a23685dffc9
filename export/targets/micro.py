"""Files in TensorFlow Lite Micro's own interpreter: what they give, and the arena they take."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .. import flatbuffer
from ..contents import describe, read
from ..errors import ExportError, InvalidInput
from ..predictor import quantise
from ..process import TIMEOUT
from .comparing import closest, operator_steps
from .pieces import main_part
from .runtimes import package_version, require, running

ALIGNMENT = 16
SAMPLES = 8
LARGEST_INPUT, LARGEST_ARENA = 1 << 24, 1 << 30
DTYPES = ("float32", "float16", "int8", "int16", "int32", "int64", "uint8", "bool")


@dataclass(frozen=True, kw_only=True)
class MicroRun:
    """A file's main signature in TensorFlow Lite Micro, beside LiteRT on the same inputs.

    `arena_total`, `arena_head` and `arena_tail` are bytes as the runtime's recording allocator has
    them, `arena_smallest` those of the smallest arena, a multiple of 16, with which the file really
    ran (None if it was not asked for). `max_steps` is the largest difference of an output element, in
    steps of its scale, `equal` the share of elements that are the same. `kernels` says which of
    LiteRT's sets of kernels is meant, the closer one: they round differently. Where a difference
    exceeds one step, `operator_steps` maps operators to their own largest difference from the nearest
    of LiteRT's kernels for them, given the same inputs. A 0 says that LiteRT's own sets of kernels
    differ as much from one another, a 1 that a rounding grew in later layers.
    """

    arena_total: int
    arena_head: int
    arena_tail: int
    arena_smallest: int | None
    samples: int
    kernels: str
    max_steps: int
    equal: float
    operator_steps: Mapping[str, int]
    runtime: str

    @property
    def agrees(self):
        """Whether every output element is within one step of LiteRT's."""
        return self.max_steps <= 1

    @property
    def explanation(self):
        """Why outputs differ by more than one step, as a sentence; empty where they do not."""
        if self.agrees:
            return ""
        worst = max(self.operator_steps.values(), default=0)
        names = ", ".join(name for name, steps in self.operator_steps.items() if steps == worst)
        found = f"An output differs from LiteRT's ({self.kernels} kernels) by {self.max_steps} steps."
        if worst == 0:
            return (
                f"{found} Each operator alone gives exactly what one of LiteRT's own sets of kernels gives,"
                " and those round differently from one another."
            )
        if worst == 1:
            return (
                f"{found} Given the same inputs no operator differs by more than 1: {names} rounds"
                " differently, and later layers make that larger."
            )
        return f"{found} Given the same inputs, {names} differs by {worst}."


def run_micro(tflite, samples=None, smallest=True, timeout=TIMEOUT):
    """Run the main signature of a file in TensorFlow Lite Micro and compare it with LiteRT.

    Args:
        tflite: The file's path, or its bytes.
        samples: Inputs in real values `(n, *input_shape)`, or a list of such arrays or a dict of them
            by tensor name where there are several inputs; None for noise over each input's range.
        smallest: Whether to look for the smallest arena.
        timeout: Seconds a single step may take.

    Returns:
        A `MicroRun`.

    Raises:
        ExportError: The runtime does not take the file, or the extra `micro` is not installed.
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: The samples do not fit the file's inputs.
    """
    content = main_part(read(tflite))
    require("tflite_micro", "micro", "Running a file in TensorFlow Lite Micro")
    inputs, outputs = interface(content)
    stored = stored_samples(samples, inputs)
    with running(content, stored, timeout) as file:
        arena, found = file.outputs("micro", outputs=len(outputs), arena=None)
        least = _smallest(file, arena["total"], found) if smallest else None
        kernels, comparison = closest(file, content, found, outputs)
        worst = {} if comparison.steps <= 1 else operator_steps(file, content, comparison.row)
    return MicroRun(
        arena_total=arena["total"],
        arena_head=arena["head"],
        arena_tail=arena["tail"],
        arena_smallest=least,
        samples=len(stored[0]),
        kernels=kernels,
        max_steps=comparison.steps,
        equal=comparison.equal,
        operator_steps=worst,
        runtime=f"tflite_micro {package_version('tflite_micro')}",
    )


def interface(content):
    """The inputs and the outputs of a file's first graph, as `contents.Tensor`."""
    model = flatbuffer.parse(content)
    graph = model.subgraphs[0]

    def described(indices):
        tensors = [graph.tensors[index] for index in indices]
        return [describe(tensor.name.decode(errors="replace"), tensor) for tensor in tensors]

    return described(graph.inputs), described(graph.outputs)


def runnable(inputs):
    """Whether arrays can be made for the inputs of a file: numbers, on axes of fixed sizes, not too many."""
    fixed = all(t.dtype in DTYPES and min(t.shape, default=1) > 0 for t in inputs)
    return bool(inputs) and fixed and sum(math.prod(t.shape) for t in inputs) <= LARGEST_INPUT


def stored_samples(samples, inputs):
    """Arrays `(n, 1, *shape)` an input, as the file stores them."""
    if not runnable(inputs):
        described = ", ".join(f"{tensor.name} {tensor.dtype} {tensor.shape}" for tensor in inputs)
        raise ExportError(
            f"its inputs are {described}; they must be numbers, every axis fixed, and {LARGEST_INPUT:,}"
            " elements at most"
        )
    if samples is None:
        generator = np.random.default_rng(0)
        return [_noise(generator, tensor) for tensor in inputs]
    if isinstance(samples, Mapping):
        missing = [tensor.name for tensor in inputs if tensor.name not in samples]
        if missing:
            raise InvalidInput(f"The samples lack {', '.join(missing)}; they have {', '.join(samples)}.")
        samples = [samples[tensor.name] for tensor in inputs]
    arrays = list(samples) if isinstance(samples, (list, tuple)) else [samples]
    if len(arrays) != len(inputs):
        raise InvalidInput(f"The file has {len(inputs)} inputs; the samples are for {len(arrays)}.")
    return [_fitting(np.asarray(array), tensor) for array, tensor in zip(arrays, inputs, strict=True)]


def _fitting(array, tensor):
    if array.shape[1:] != tensor.shape[1:] or not len(array):
        expected = ", ".join(map(str, tensor.shape[1:]))
        raise InvalidInput(f"Input {tensor.name!r} has shape {array.shape}, expected (n, {expected}).")
    values = array.astype(np.float32) if tensor.scale else array
    return quantise(values, tensor)[:, None]


def _noise(generator, tensor):
    shape, dtype = (SAMPLES, *tensor.shape), np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    if tensor.scale:
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.zeros(shape, dtype)


def _smallest(file, total, expected):
    """Bytes of the smallest arena, a multiple of 16, with which the file gives the same outputs.

    What fits in an arena fits in a larger one, so the bound is found by halving.
    """
    low, high = 0, -(-total // ALIGNMENT)
    while not _fits(file, high):
        low, high = high, 2 * high
        if high * ALIGNMENT > LARGEST_ARENA:
            raise ExportError(f"it ran, but not again in an arena of {low * ALIGNMENT:,} bytes")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(file, middle) else (middle, high)
    _, found = file.outputs("micro", outputs=len(expected), arena=high * ALIGNMENT)
    if any(not np.array_equal(a, b) for a, b in zip(found, expected, strict=True)):
        raise ExportError(
            f"in an arena of {high * ALIGNMENT} bytes the outputs are others than in a large one"
        )
    return high * ALIGNMENT


def _fits(file, units):
    try:
        return file.call("fits", arena=units * ALIGNMENT)
    # Some operators end the process where others report that the arena is too small.
    except ExportError:
        return False
