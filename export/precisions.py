"""The precisions a file can have.

| name           | weights | activations      | in and out |
|----------------|---------|------------------|------------|
| `float32`      | float32 | float32          | float32    |
| `float16`      | float16 | float32          | float32    |
| `dynamic_int8` | int8    | int8, at run time| float32    |
| `int8`         | int8    | int8             | int8       |
| `int16x8`      | int8    | int16            | int16      |
| `int4`         | int4    | int8             | int8       |

`float16` halves the file and lets a GPU compute in half precision; a CPU widens the weights when it
loads them. `int8` holds no float tensor at all. `int16x8` keeps operators that have no int16 kernel
in float, and `inspect` lists them. `int4` has weights of 4 bits where LiteRT's kernels read them
(convolutions, depthwise ones and dense layers) and of 8 bits elsewhere; `Contents.weight_bits` says which.

Layers that were kept in float do not change what a file is called.
"""

from .errors import InvalidInput

PRECISIONS = ("float32", "float16", "dynamic_int8", "int8", "int16x8", "int4")

DEFAULT_PRECISIONS = ("float32", "float16", "dynamic_int8", "int8", "int16x8")
"""Those that are made where nothing else is asked: what keeps a trained network's accuracy as a rule."""

CALIBRATED = ("int8", "int16x8", "int4")


def check_precision(precision):
    """Raise `InvalidInput` with the closest names unless `precision` is one of `PRECISIONS`."""
    if precision in PRECISIONS:
        return precision
    raise InvalidInput(
        f"There is no precision {precision!r}. Possible: {', '.join(PRECISIONS)}.{_closest(precision)}"
    )


def check_precisions(precisions):
    """The precisions as a tuple without repetition, in the order given."""
    if isinstance(precisions, str):
        precisions = (precisions,)
    chosen = tuple(dict.fromkeys(check_precision(name) for name in precisions))
    if not chosen:
        raise InvalidInput(f"No precision was given. Possible: {', '.join(PRECISIONS)}.")
    return chosen


def _closest(name):
    from difflib import get_close_matches

    matches = get_close_matches(str(name), PRECISIONS, n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""
