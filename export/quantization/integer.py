"""Files that compute in integers: int8 throughout, int4 weights, or int16 activations."""

from ..contents import inspect
from ..errors import ExportError
from ..layers import select
from ..process import TIMEOUT
from . import quantizer
from .comparisons import shrink
from .folding import fold_constants
from .four_bits import narrow
from .outcome import Quantization
from .rewriting import FOR_INT8, FOR_INT16, rewrite
from .rules import rules_for
from .soundness import breakage, problem, refuse_loops
from .tensorflows import by_tensorflow
from .treatments import Treated


def to_int8(float_file, samples, options, timeout=TIMEOUT, weights=8):
    """Integers in, out and throughout, with one weight scale a channel.

    `ai-edge-quantizer` does it. TensorFlow's quantiser knows more operators and takes over where
    that one leaves some in float; its result counts only if it reproduces the float file.

    Args:
        float_file: The file's bytes.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`.
        options: `QuantizationOptions`.
        timeout: Seconds a run of a file or of TensorFlow's quantiser may take.
        weights: The bits of weights: 8, or 4 where a kernel reads them.

    Returns:
        The new file's bytes and the `Quantization`.

    Raises:
        ExportError: Both leave operators in float, or break the model.
    """
    refuse_loops(float_file)
    source = rewrite(fold_constants(float_file), FOR_INT8)

    def make(chosen):
        content = _whole(float_file, chosen, samples, options, timeout)
        return narrow(content, select(chosen, options.keep_int8, "keep_int8")) if weights == 4 else content

    return _treated(float_file, source, make, samples, options, timeout, proven=weights == 8)


def to_int16x8(float_file, samples, options, timeout=TIMEOUT):
    """Int16 activations and int8 weights; operators without an int16 kernel stay in float.

    Returns:
        The new file's bytes and the `Quantization`.

    Raises:
        ExportError: Not one operator could be quantised, or the result is broken.
    """
    refuse_loops(float_file)
    source = rewrite(fold_constants(float_file), FOR_INT16)

    def make(chosen):
        return quantizer.apply(chosen, rules_for(chosen, 16, options), samples, options)

    content, done = _treated(float_file, source, make, samples, options, timeout)
    contents = inspect(content)
    if contents.precision != "int16x8":
        names = ", ".join(contents.operators)
        raise ExportError(f"none of the operators {names} has an int16 kernel. Use float16.")
    return content, done


def _whole(float_file, source, samples, options, timeout):
    """An int8 file by the first quantiser whose result is sound."""
    content = shrink(quantizer.apply(source, rules_for(source, 8, options), samples, options))
    kept = options.keep_float
    wrong = problem(float_file, content, samples, kept, timeout)
    if wrong and (kept or options.keep_int16):
        raise ExportError(wrong)
    if wrong:
        try:
            content = shrink(by_tensorflow(source, samples, timeout))
        except ExportError as error:
            raise ExportError(f"{wrong} {error}.") from error
        again = problem(float_file, content, samples, (), timeout)
        if again:
            raise ExportError(again)
    return content


def _treated(float_file, source, make, samples, options, timeout, proven=False):
    """A file with the treatments of the options; `proven` says that `make` gives only what works."""
    file = Treated(source, make, samples, timeout)
    equalization = file.equalize(options.equalize)
    correction = file.correct_biases(options.correct_bias)
    changed = any(change is not None and change.kept for change in (equalization, correction))
    broken = None if proven and not changed else breakage(float_file, file.content, samples, timeout)
    if broken:
        raise ExportError(broken)
    done = Quantization(
        samples=max(len(rows) for arrays in samples.values() for rows in arrays.values()),
        ranges=f"percentile {options.percentile:g}" if options.ranges == "percentile" else options.ranges,
        kept_float=_layers(source, options.keep_float, "keep_float"),
        kept_int16=_layers(source, options.keep_int16, "keep_int16"),
        kept_int8=_layers(source, options.keep_int8, "keep_int8"),
        equalization=equalization,
        bias_correction=correction,
    )
    return file.content, done


def _layers(source, patterns, option):
    """The first layer of each operator that patterns select, once each."""
    return tuple(dict.fromkeys(layers[0] for layers in select(source, patterns, option).values()))
