"""What a device can run, as data."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from ..errors import InvalidInput

DEVICES = Path(__file__).with_name("devices")
OPERATORS = Path(__file__).with_name("operators")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a runtime asks of one operator beyond its name; None or empty where it asks nothing.

    `version` is the newest it knows, `types` are those of the tensors it computes with, `ranks` the
    numbers of axes of its first input. `options` maps fields of the operator's options to the values
    they may have, `constants` are positions of inputs that have to be constant. `elements` is the
    largest number of them in the first input. `spares_batch` forbids to reduce, pad or split the batch
    axis, `same_dilation` two dilations that differ, `per_tensor` weights with a scale a channel.
    `method` is that of TensorFlow Lite Micro's resolver which registers the operator.
    """

    version: int | None = None
    types: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
    options: Mapping[str, tuple] = field(default_factory=dict)
    constants: tuple[int, ...] = ()
    elements: int | None = None
    spares_batch: bool = False
    same_dilation: bool = False
    per_tensor: bool = False
    method: str = ""
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of device and the runtime on it.

    `precisions` are those it runs, the best for it first. `types` are those of the tensors it computes
    with, `constants` those of the constants it reads (empty for any). `hybrid` says whether it multiplies
    float inputs by integer weights, `strict` whether a tensor of another type keeps the whole file from
    running, `open_shapes` whether it takes axes without a fixed size, `signatures` whether more than the
    main one can be called. `innermost` is the number of innermost axes that may be longer than 1.
    `fallback` names what runs an operator that the device does not, empty where nothing does; `falls_to`
    is the target whose lists say what it can. `memory` holds sizes in bytes that are known of every device
    of the kind. `needs` are sentences on what a file needs beside it.
    `proof` says how a check goes beyond the lists: `litert`, `micro`, `vela`, or empty for none.
    `accelerators` are the sizes an accelerator comes in, the usual one first, `compiler` is what else
    its compiler is told. `remedies` maps operators to what to do instead of them.
    """

    name: str
    summary: str
    runtime: str
    precisions: tuple[str, ...]
    types: tuple[str, ...]
    constants: tuple[str, ...] = ()
    operators: Mapping[str, Limits]
    operators_from: str
    sources: tuple[str, ...]
    needs: tuple[str, ...]
    hybrid: bool = False
    strict: bool = False
    open_shapes: bool = False
    signatures: bool = True
    innermost: int | None = None
    ranks: int | None = None
    fallback: str = ""
    falls_to: str = ""
    memory: Mapping[str, int] = field(default_factory=dict)
    proof: str = ""
    accelerators: tuple[str, ...] = ()
    compiler: Mapping[str, str] = field(default_factory=dict)
    remedies: Mapping[str, str] = field(default_factory=dict)


def target_names():
    """The names of all targets, in alphabetical order."""
    return tuple(sorted(file.stem for file in DEVICES.glob("*.toml")))


@cache
def get_target(name):
    """The `Target` of a name.

    Raises:
        InvalidInput: There is none.
    """
    names = target_names()
    if name not in names:
        close = get_close_matches(str(name), names, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise InvalidInput(f"There is no target {name!r}.{hint} Possible: {', '.join(names)}.")
    content = _read(DEVICES / f"{name}.toml")
    table = _read(OPERATORS / f"{content.pop('operators')}.toml")
    return Target(
        name=name,
        operators={kind: _limits(entry) for kind, entry in table["operators"].items()},
        operators_from=table["source"],
        **{key: _frozen(value) for key, value in content.items()},
    )


def _read(file):
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _limits(entry):
    entry = dict(entry)
    options = {name: tuple(values) for name, values in entry.pop("options", {}).items()}
    return Limits(options=options, **{key: _frozen(value) for key, value in entry.items()})


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value
