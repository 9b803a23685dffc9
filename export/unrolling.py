"""Write recurrent layers out step by step: a loop can't be made of integers, and LiteRT runs it slowly."""

from contextlib import contextmanager

STEPS = 64
"""The longest sequence that is unrolled; the file gets an operator or more for each step of each layer."""


@contextmanager
def unrolled(model):
    """Let the recurrent layers of a model unroll sequences of up to `STEPS` steps, for as long as it is traced."""
    layers = [layer for layer in _recurrent(model) if not layer.unroll and 0 < _steps(layer) <= STEPS]
    try:
        for layer in layers:
            layer.unroll = True
        yield
    finally:
        for layer in layers:
            layer.unroll = False


def _recurrent(model):
    import keras

    for layer in model._flatten_layers(include_self=False, recursive=True):
        if isinstance(layer, keras.layers.RNN):
            yield layer


def _steps(layer):
    """The length of a layer's sequences, `(n, steps, ...)`, or 0 where it is open."""
    shapes = layer.get_build_config() or {}
    shape = shapes.get("input_shape") or (shapes.get("shapes_dict") or {}).get("sequences_shape")
    return (shape[1] if shape else None) or 0
