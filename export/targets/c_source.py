"""A file as C sources for TensorFlow Lite Micro: the model, what to register, and a sketch that runs it."""

import re
from dataclasses import dataclass
from pathlib import Path

from .. import flatbuffer
from ..contents import Tensor, read
from ..errors import ExportError, InvalidFile, InvalidInput
from ..metadata.description import Normalization
from ..process import TIMEOUT
from .micro import interface, run_micro
from .pieces import main_part
from .sketch import header, model_source, operators_header, sketch
from .target import get_target

KEYWORDS = """
auto bool break case char class const continue default delete do double else enum extern float for goto if
inline int long namespace new operator private protected public register restrict return short signed
sizeof static struct switch template this typedef union unsigned using void volatile while
"""


@dataclass(frozen=True, kw_only=True)
class CSource:
    """What the C sources of a file are made from.

    `methods` are those of the resolver to call. `normalization` says what the model takes of a
    sensor's values: `(value - mean) / std`; None where that is not known.
    """

    name: str
    content: bytes
    methods: tuple[str, ...]
    arena: int
    input: Tensor
    output: Tensor
    labels: tuple[str, ...]
    normalization: Normalization | None


def to_c(
    tflite,
    directory,
    name="model",
    *,
    labels=(),
    normalization=None,
    arena=None,
    samples=None,
    timeout=TIMEOUT,
):
    """Write a file's main signature as C sources and an Arduino-style sketch, into `directory/name`.

    Args:
        tflite: The file's path, or its bytes.
        directory: Where the folder is made; files of the same names in it are replaced.
        name: Of the folder, the files and all symbols in them: an identifier of C.
        labels: Names of the classes, for a classifier.
        normalization: None, or a `Normalization` or its `(mean, std)`: the model takes
            `(value - mean) / std`.
        arena: Bytes of the arena; None measures the smallest with which the file runs.
        samples: Inputs for that run, see `run_micro`.
        timeout: Seconds a single step of it may take.

    Returns:
        The paths of `NAME.h`, `NAME.c`, `NAME_operators.h` and `NAME.ino`.

    Raises:
        ExportError: TensorFlow Lite Micro does not take the file, or the folder can't be written.
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: The name, the labels, the normalisation or the arena can't be used.
    """
    _check_name(name)
    content = main_part(read(tflite))
    inputs, outputs = interface(content)
    if not inputs or not outputs:
        raise InvalidFile(
            "The file has no input or no output: there is nothing to run. Convert the model again."
        )
    if len(inputs) > 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise ExportError(f"C sources are written for a model of one input; this one has {names}.")
    source = CSource(
        name=name,
        content=content,
        methods=resolver_methods(content),
        arena=_arena(content, arena, samples, timeout),
        input=inputs[0],
        output=outputs[0],
        labels=_checked_labels(labels, outputs[0]),
        normalization=_checked_normalization(normalization, inputs[0]),
    )
    return _written(Path(directory) / name, source)


def resolver_methods(content):
    """The methods of TensorFlow Lite Micro's resolver that register a file's operators.

    Raises:
        ExportError: It has none for an operator.
    """
    table = get_target("tflite_micro").operators
    model = flatbuffer.parse(content)
    names = {
        flatbuffer.operator_name(model, operator)
        for graph in model.subgraphs
        for operator in graph.operators or []
    }
    missing = sorted(names - set(table))
    if missing:
        raise ExportError(
            f"TensorFlow Lite Micro has no {', '.join(missing)}."
            " `export.check_target` says what to do instead."
        )
    return tuple(sorted(table[name].method for name in names))


def _arena(content, arena, samples, timeout):
    if arena is None:
        return run_micro(content, samples, timeout=timeout).arena_smallest
    if isinstance(arena, bool) or not isinstance(arena, int) or arena < 1:
        raise InvalidInput(f"arena must be a positive number of bytes, not {arena!r}.")
    return -(-arena // 16) * 16


def _check_name(name):
    if (
        not isinstance(name, str)
        or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
        or name in KEYWORDS.split()
    ):
        raise InvalidInput(
            f"The name must be an identifier of C that begins with a letter and is no keyword, not {name!r}."
        )


def _checked_labels(labels, output):
    labels = tuple(labels)
    wrong = [label for label in labels if not isinstance(label, str)]
    if wrong:
        raise InvalidInput(f"Labels must be texts, not {wrong[0]!r}.")
    if labels and len(labels) != output.shape[-1]:
        raise InvalidInput(f"There are {len(labels)} labels; the output has {output.shape[-1]} classes.")
    return labels


def _checked_normalization(normalization, tensor):
    if normalization is None:
        return None
    if not isinstance(normalization, Normalization):
        try:
            mean, std = normalization
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"normalization must be (mean, std), not {normalization!r}.") from error
        normalization = Normalization(mean, std)
    counts = {len(normalization.mean), len(normalization.std)} - {1}
    if counts - {tensor.shape[-1]}:
        raise InvalidInput(f"{normalization} is not for the {tensor.shape[-1]} channels of the input.")
    return normalization


def _written(folder, source):
    files = {
        f"{source.name}.h": header(source),
        f"{source.name}.c": model_source(source),
        f"{source.name}_operators.h": operators_header(source),
        f"{source.name}.ino": sketch(source),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"{error.filename or folder} can't be written: {error.strerror or error}."
        ) from error
    return tuple(folder / file for file in files)
