"""The calls into `ai-edge-quantizer`."""

import contextlib
import io
import warnings

from ..errors import ExportError
from .ranges import activation_ranges


def apply(float_file, recipe, samples=None):
    """Quantise a float32 file by a recipe of `ai_edge_quantizer.recipe`.

    Args:
        float_file: The file's bytes.
        recipe: The recipe.
        samples: None, or a dict from signature to a dict from input name to `(n, *input_shape)`.
    """
    from ai_edge_quantizer import quantizer

    try:
        # The package draws progress bars on stderr.
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ranges = None if samples is None else activation_ranges(float_file, samples)
            work = quantizer.Quantizer(bytes(float_file), recipe)
            return bytes(work.quantize(ranges, enable_progress_report=False).quantized_model)
    # The package documents no exceptions of its own.
    except Exception as error:
        raise ExportError(f"the quantiser failed: {type(error).__name__}: {error}") from error
