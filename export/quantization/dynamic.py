"""Weights stored as int8, one scale a channel; activations are quantised while the file runs."""

from ..errors import ExportError
from . import quantizer


def quantize_weights(float_file):
    """Quantise the weights of convolutions, dense layers and embeddings.

    Raises:
        ExportError: No operator of the file has weights that can be quantised this way.
    """
    from ai_edge_quantizer import recipe

    from ..contents import inspect

    content = quantizer.apply(float_file, recipe.dynamic_wi8_afp32())
    if "int8" not in inspect(content).constants:
        names = ", ".join(inspect(float_file).operators)
        raise ExportError(f"none of the operators {names} has weights to quantise. Use float16.")
    return content
