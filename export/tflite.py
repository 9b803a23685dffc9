"""From a `keras.Model` to `.tflite` files of every precision.

One conversion, in a child process, makes the float32 file; all other precisions derive from it.
"""

import re

from . import awareness, flatbuffer, quantization, subpixel
from .contents import inspect
from .errors import ExportError, WorkerDied
from .precisions import CALIBRATED, DEFAULT_PRECISIONS, check_precisions
from .process import TIMEOUT, JobFailed, shared
from .quantization.calibration import check_given, samples_for
from .running import check_runs
from .saved_model import to_saved_model
from .scratch import scratch_folder
from .signatures import expected, main_name, named_models

REMEDIES = {
    "Random": (
        "The model draws random numbers in inference: export the part that does not, e.g. the "
        "mean of a variational encoder."
    ),
    "Pool3D": "Pool the image axes with a 2-D layer, and the depth with another after a reshape.",
}
WITHOUT_SUBPIXEL = ("int16x8",)  # DEPTH_TO_SPACE has no int16 kernel
ANY = "Replace the operator, or export the model up to the layer before it."


def to_tflite(
    model,
    precision="float32",
    calibration=None,
    signatures=None,
    timeout=TIMEOUT,
    *,
    keep_float=(),
    options=None,
):
    """Convert a model to one precision.

    Args:
        model: A built functional `keras.Model`.
        precision: One of `PRECISIONS`.
        calibration: Training data for `int8`, `int4` and `int16x8`: an iterable of float32 arrays
            `(n, *input_shape)`, or of dicts from input name to array where there are several
            inputs. With `signatures`, a mapping from each name to such an iterable.
        signatures: None, or a mapping from names to models that share variables with `model`; one
            file then holds them all, with the first as the main one.
        timeout: Seconds a single step of the conversion may take.
        keep_float: Names of Keras layers, or patterns such as `block1_*`, that stay in float in the
            files of integers.
        options: `QuantizationOptions`.

    Returns:
        The file's bytes. They were loaded and run in LiteRT, and they are the same for the same
        model and calibration.

    Raises:
        ExportError: The model can't be converted, with the operators and the nearest alternative.
        InvalidInput: An argument does not fit.
    """
    files = convert(
        model,
        (precision,),
        calibration,
        signatures,
        timeout=timeout,
        keep_float=keep_float,
        options=options,
    )
    return files[precision]


def convert(
    model,
    precisions=DEFAULT_PRECISIONS,
    calibration=None,
    signatures=None,
    saved_model=None,
    progress=None,
    timeout=TIMEOUT,
    *,
    keep_float=(),
    options=None,
):
    """Convert a model to several precisions; see `to_tflite`.

    Args:
        saved_model: The directory of a SavedModel that `to_saved_model` wrote from the same model
            and signatures, to spare writing another.
        progress: None, or a function called with `(stage, done, total)`.
        timeout: Seconds a single step may take.
        keep_float, options: See `to_tflite`.

    Returns:
        A dict from precision to the file's bytes.
    """
    precisions = check_precisions(precisions)
    options = quantization.merged(options, keep_float)
    parts = named_models(model, signatures)
    calibration = check_calibration(parts, precisions, calibration)
    report = progress or (lambda stage, done, total: None)
    report("float32", 0, len(precisions))
    float_file = float_conversion(model, parts, saved_model, timeout)
    files = {}
    for done, precision in enumerate(precisions):
        report(precision, done, len(precisions))
        files[precision], _ = derive(model, float_file, precision, calibration, timeout, options)
    report("done", len(precisions), len(precisions))
    return files


def check_calibration(parts, precisions, calibration):
    """The calibration in a form that can be read again, if a precision needs it.

    Raises:
        InvalidInput: It is missing or does not fit the models; better now than after converting.
    """
    for precision in precisions:
        if precision in CALIBRATED and not awareness.makes(parts, precision):
            calibration = check_given(calibration, precision)
            samples_for(expected(parts), calibration, precision)
            break
    return calibration


def float_conversion(model, parts, saved_model=None, timeout=TIMEOUT):
    """The float32 file of named models, converted in the child process."""
    if awareness.is_aware(model):
        return check_runs(awareness.float_file(model, tuple(parts)), model.name, "float32", timeout)
    with scratch_folder() as scratch:
        source = saved_model or to_saved_model(model, scratch / "saved_model", parts)
        output = scratch / "float32.tflite"
        try:
            shared.call(
                "convert",
                timeout,
                saved_model=str(source),
                signatures=list(parts),
                output=str(output),
            )
            content = _main_first(output.read_bytes(), main_name(parts))
        except JobFailed as error:
            raise ExportError(_refusal(model, str(error))) from error
        except WorkerDied as error:
            raise ExportError(f"Model {model.name!r}, float32: {error}.{_last_words(error)}") from error
    return check_runs(content, model.name, "float32", timeout)


def derive(model, float_file, precision, calibration, timeout=TIMEOUT, options=None):
    """A file of a precision from the converter's float32 file, checked to run.

    Returns:
        The file's bytes, and the `Quantization` of a precision that is calibrated, else None.
    """
    if awareness.makes({"": model}, precision):
        content = awareness.integer_file(model, tuple(inspect(float_file).signatures))
        return check_runs(content, model.name, precision, timeout), None
    options = quantization.merged(options)
    try:
        source = source_for(float_file, precision)
        content, done = quantization.derive(source, precision, calibration, timeout, options)
    except ExportError as error:
        raise ExportError(f"Model {model.name!r}, {error}") from error
    return check_runs(content, model.name, precision, timeout), done


def source_for(float_file, precision):
    """The float32 file that a precision is derived from."""
    return float_file if precision in WITHOUT_SUBPIXEL else subpixel.rewrite(float_file)


def _main_first(content, name):
    """Make the named signature's graph the first, which runtimes without signatures run.

    The converter sorts graphs by name.
    """
    model = flatbuffer.parse(content)
    main = next(entry.subgraphIndex for entry in model.signatureDefs if entry.signatureKey.decode() == name)
    order = [main, *(index for index in range(len(model.subgraphs)) if index != main)]
    flatbuffer.reorder(model, order)
    return flatbuffer.serialise(model)


def _refusal(model, text):
    """What the converter's error means, and what can be done."""
    flex = re.findall(r"[Ff]lex ops?: ([^\n]+)", text) or re.findall(r"'(tf\.\w+)' op is neither", text)
    if not flex:
        return f"Model {model.name!r} can't be converted to float32: {' '.join(text.split())[-1500:]}"
    names = dict.fromkeys(part.strip().removeprefix("Flex") for part in flex[0].split(","))
    remedy = next((text for key, text in REMEDIES.items() if any(key in name for name in names)), ANY)
    return (
        f"Model {model.name!r} can't be converted: TensorFlow Lite has no kernel for"
        f" {', '.join(names)}. Files that call TensorFlow for it (Flex) don't run on LiteRT."
        f" {remedy}"
    )


def _last_words(error):
    """What the converter said last, before Python's own account of a crash."""
    lines = error.log.partition("Fatal Python error")[0].split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f" Its last output: {said[-1][:300]}" if said else ""
