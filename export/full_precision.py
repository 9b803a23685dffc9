"""Let a model trained in mixed precision compute in float32 for a while.

Mixed precision keeps float32 weights and computes in a half type, for which TensorFlow Lite has no
convolution. The weights are all that a file needs.
"""

from contextlib import contextmanager

import numpy as np

from .errors import InvalidInput

HALVES = ("float16", "bfloat16")


@contextmanager
def full_precision(model):
    """Set every layer that computes in a half type to float32, and back afterwards."""
    import keras

    policy = keras.dtype_policies.DTypePolicy("float32")
    layers = [layer for layer in _all_layers(model) if layer.compute_dtype in HALVES]
    before = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = policy
        yield
    finally:
        for layer, old in zip(layers, before, strict=True):
            layer.dtype_policy = old


def check_weights(model):
    """Raise `InvalidInput` if a weight itself is of a half type, so that bits are lost, or holds NaN."""
    for variable in model.variables:
        if variable.dtype in HALVES:
            raise InvalidInput(
                f"{variable.path!r} of {model.name!r} is {variable.dtype}. Build the model with the"
                " policy 'float32', or 'mixed_float16' to train faster, and load the weights."
            )
    _check_finite(model)


def _check_finite(model):
    import keras

    for variable in model.weights:
        if np.isnan(keras.ops.convert_to_numpy(variable)).any():
            raise InvalidInput(
                f"{variable.path!r} of {model.name!r} holds NaN: the training diverged. Take an earlier"
                " checkpoint, or train with a smaller learning rate."
            )


def _all_layers(model):
    return list(model._flatten_layers(include_self=True, recursive=True))
