"""From a float32 `.tflite` file to every other precision."""

from ..errors import ExportError, InvalidFile
from ..precisions import CALIBRATED, check_precision
from ..process import TIMEOUT


def quantize(float_file, precision, calibration=None, timeout=TIMEOUT):
    """Derive a file of another precision from a float32 file.

    Args:
        float_file: The bytes of a float32 file with a fixed batch of 1.
        precision: One of `PRECISIONS`.
        calibration: Training data, see `to_tflite`; for `int8` and `int16x8` only.
        timeout: Seconds the converter may take where it has to help.

    Returns:
        The new file's bytes.

    Raises:
        ExportError: The model can't have this precision; the message names the operators.
        InvalidFile: The file is damaged, or not a float32 file.
        InvalidInput: The calibration is missing or does not fit the file's inputs.
    """
    from ..contents import inspect
    from . import dynamic, float16, integer
    from .calibration import samples_for

    check_precision(precision)
    contents = inspect(float_file)
    if contents.precision != "float32":
        raise InvalidFile(f"Expected a float32 file to start from, this one is {contents.precision}.")
    samples = samples_for(contents.signatures, calibration, precision) if precision in CALIBRATED else None
    try:
        if precision == "float16":
            return float16.cast(float_file)
        if precision == "dynamic_int8":
            return dynamic.quantize_weights(float_file)
        if precision == "int8":
            return integer.to_int8(float_file, samples, timeout)
        if precision == "int16x8":
            return integer.to_int16x8(float_file, samples)
    except ExportError as error:
        raise ExportError(f"{precision}: {error}") from error
    return bytes(float_file)
