"""The calls into `ai-edge-quantizer`."""

import contextlib
import io
import warnings

from ..errors import ExportError


def apply(float_file, recipe, samples=None):
    """Quantise a float32 file by a recipe of `ai_edge_quantizer.recipe`.

    Args:
        float_file: The file's bytes.
        recipe: The recipe.
        samples: None, or a dict from signature to a dict from input name to `(n, *input_shape)`.
    """
    from ai_edge_quantizer import quantizer

    try:
        # The package draws progress bars on stderr and warns of its own way to calibrate.
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ranges = None if samples is None else _ranges(float_file, recipe, samples)
            work = quantizer.Quantizer(bytes(float_file), recipe)
            return bytes(work.quantize(ranges, enable_progress_report=False).quantized_model)
    # The package documents no exceptions of its own.
    except Exception as error:
        raise ExportError(f"the quantiser failed: {type(error).__name__}: {error}") from error


def _ranges(float_file, recipe, samples):
    """The smallest and largest value of every activation over all samples.

    The package's default is a moving average, which cuts off what few samples reach.
    """
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(recipe)
    work = calibrator.Calibrator(
        bytes(float_file), num_threads=1, qsv_update_func=qsv_utils.min_max_update
    )
    work.calibrate({name: _single(arrays) for name, arrays in samples.items()}, recipes)
    return work.get_model_qsvs()


def _single(arrays):
    length = len(next(iter(arrays.values())))
    return [{name: rows[i : i + 1] for name, rows in arrays.items()} for i in range(length)]
