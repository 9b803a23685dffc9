"""Whether an integer file is one: no operator in float, and it does what the float file does."""

from ..contents import inspect
from ..errors import ExportError
from ..floating import float_operators
from ..running import outputs
from ..unrolling import STEPS
from ..verification import compare
from .treatments import first

REMEDIES = {
    "CONV_3D": "LiteRT has no integer kernel; split it into 2-D convolutions",
    "WHILE": f"shorten the sequence to the {STEPS} steps up to which recurrent layers are unrolled, or build the"
    " layer with unroll=True",
    "POW": "multiply the tensor with itself",
    "SIGN": "take the sign after the model",
}

# An error of 0.7 standard deviations leaves half of an output's variance unexplained.
BROKEN = 0.7
COMPARED_SAMPLES = 16


def problem(float_file, content, samples, kept=(), timeout=None):
    """What keeps a file from being an integer file of the model, or None.

    Args:
        float_file, content: The bytes of both files.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`.
        kept: Layers, as names or patterns, that may compute in float.
        timeout: Seconds that running a file may take.
    """
    left = float_operators(content, kept)
    if not left and not kept and inspect(content).float_tensors:
        left = {"QUANTIZE": inspect(content).operators.get("QUANTIZE", 0)}
    return islands(left) if left else breakage(float_file, content, samples, timeout)


def breakage(float_file, content, samples, timeout):
    """How far a file is from the float file on the calibration samples, if that breaks it."""
    few = first(samples, COMPARED_SAMPLES)
    expected = outputs(float_file, few, timeout)
    try:
        stored = outputs(content, few, timeout)
    except ExportError as error:
        return f"{error}. Use dynamic_int8 or float16."
    signatures = inspect(content).signatures
    for name in samples:
        for tensor in signatures[name].outputs:
            found = compare(name, tensor, expected[name][tensor.name], stored[name][tensor.name], BROKEN)
            if not found.rms_error <= found.bound:
                return (
                    f"output {tensor.name!r} is off by {found.rms_error:.2g} standard deviations on"
                    " the calibration samples: the model does not survive integers. Use"
                    " dynamic_int8 or float16, or give calibration samples scaled as in training."
                )
    return None


def refuse_loops(float_file):
    """Neither quantiser follows the values inside a loop, and TensorFlow's crashes on some."""
    loops = {name: n for name, n in inspect(float_file).operators.items() if name in ("WHILE", "IF")}
    if loops:
        raise ExportError(islands(loops))


def islands(operators):
    """The sentence on operators that have no integer form."""
    counted = ", ".join(f"{name} ({count})" for name, count in operators.items())
    remedies = "".join(f" {name}: {REMEDIES[name]}." for name in operators if name in REMEDIES)
    return (
        f"these operators have no integer form: {counted}.{remedies} dynamic_int8 keeps them in"
        " float and needs no change to the model."
    )
