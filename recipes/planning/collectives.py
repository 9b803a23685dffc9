"""The exchanges between chips in a compiled program, read from its text."""

import collections
import math
import re

from recipes.planning.plans import Collective

KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
    "ragged-all-to-all",
)
_CALL = re.compile(rf"^\s*(?:ROOT )?%?\S+ = (.+?) ({'|'.join(KINDS)})(-start)?\(")
_SHAPE = re.compile(r"\b(pred|bf16|[a-z]+(\d+)\w*)\[([\d,]*)\]")
_BYTES = {"pred": 1, "bf16": 2}


def collectives(text):
    """The `Collective`s in `text`, a program of XLA's high-level operations, by kind.

    One that begins and ends in two operations counts once; one in a loop counts once too.
    """
    counts, sizes = collections.Counter(), collections.Counter()
    for line in text.splitlines():
        if call := _CALL.match(line):
            shapes, kind, begins = call.groups()
            parts = [_size(*shape.groups()) for shape in _SHAPE.finditer(shapes)]
            counts[kind] += 1
            # What begins another kind than an all-reduce gives its operands and marks beside the result.
            sizes[kind] += max(parts) if begins and kind != "all-reduce" else sum(parts)
    return tuple(Collective(kind=kind, count=counts[kind], bytes=sizes[kind]) for kind in sorted(counts))


def _size(name, bits, dimensions):
    """Bytes of an array, such as `f32[5,16]`, without what its layout pads it with."""
    width = _BYTES.get(name) or -(-int(bits) // 8)
    return width * math.prod(int(side) for side in dimensions.split(",") if side)
