"""From a float32 `.tflite` file to every other precision."""

from ..errors import ExportError, InvalidFile, InvalidInput
from ..precisions import CALIBRATED, check_precision
from ..process import TIMEOUT


def quantize(float_file, precision, calibration=None, timeout=TIMEOUT, *, keep_float=(), options=None):
    """Derive a file of another precision from a float32 file, also one that was not made here.

    LiteRT and the quantiser look at the file in a child process whose memory is limited.

    Args:
        float_file: The path or the bytes of a float32 file with a fixed batch of 1.
        precision: One of `PRECISIONS`.
        calibration: Training data, see `to_tflite`; for `int8`, `int4` and `int16x8` only.
        timeout: Seconds that making the file may take, and those that running it once may.
        keep_float: Names of Keras layers, or patterns such as `block1_*`, whose operators stay in float in
            a file of integers.
        options: `QuantizationOptions`.

    Returns:
        The new file's bytes.

    Raises:
        ExportError: The model can't have this precision; the message names the operators. Or LiteRT crashed on
            the file, or it took too long.
        InvalidFile: The file is damaged, or not a float32 file.
        InvalidInput: The calibration is missing or does not fit the file's inputs.
    """
    from ..contents import read
    from ..metadata.embedding import keep_packed
    from . import apart
    from .calibration import samples_for

    source, options = read(float_file), merged(options, keep_float)
    signatures = _checked(source, precision).signatures
    samples = samples_for(signatures, calibration, precision) if precision in CALIBRATED else {}
    content = _running(apart.derived(source, precision, samples, timeout, options), precision, timeout)
    return keep_packed(source, content)


def _running(content, precision, timeout):
    """The file, which has run in LiteRT once."""
    from ..errors import WorkerDied
    from ..process import JobFailed
    from ..trying import try_out

    try:
        try_out(content, timeout)
    except (JobFailed, WorkerDied) as error:
        raise ExportError(
            f"{precision}: LiteRT does not run the new file ({error}). Use another precision; if `export.benchmark`"
            " does not run the float32 file either, convert the model again."
        ) from error
    return content


def merged(options, keep_float=()):
    """The options with more layers in float, or the default ones."""
    from .options import QuantizationOptions

    if options is not None and not isinstance(options, QuantizationOptions):
        raise InvalidInput(f"options must be export.QuantizationOptions(...), not {options!r}.")
    return (options or QuantizationOptions()).keeping(keep_float)


def derive(float_file, precision, calibration, timeout, options):
    """Like `quantize`, in this process and untried.

    Returns:
        The new file's bytes, and the `Quantization` of a precision that is calibrated, else None.
    """
    from . import dynamic, float16

    contents = _checked(float_file, precision)
    try:
        if precision in CALIBRATED:
            return _calibrated(float_file, precision, contents.signatures, calibration, timeout, options)
        if precision == "float16":
            return float16.cast(float_file), None
        if precision == "dynamic_int8":
            return dynamic.quantize_weights(float_file), None
    except ExportError as error:
        raise ExportError(f"{precision}: {error}") from error
    return bytes(float_file), None


def _calibrated(float_file, precision, signatures, calibration, timeout, options):
    from . import integer
    from .calibration import samples_for
    from .treatments import first

    options = options.for_precision(precision)
    samples = samples_for(signatures, calibration, precision)
    if options.samples:
        samples = first(samples, options.samples)
    if precision == "int16x8":
        return integer.to_int16x8(float_file, samples, options, timeout)
    return integer.to_int8(float_file, samples, options, timeout, 4 if precision == "int4" else 8)


def _checked(float_file, precision):
    """The `Contents` of a file that has to be a float32 one."""
    from ..contents import inspect

    check_precision(precision)
    contents = inspect(float_file)
    if contents.precision != "float32":
        raise InvalidFile(f"Expected a float32 file to start from, this one is {contents.precision}.")
    return contents
