"""Layers whose calls are seen, and may be changed, while a model computes."""

import contextlib
import functools

import keras


@contextlib.contextmanager
def replaced(layers, make, method="call"):
    """Within the block `method` of each of `layers` is `make(layer, method)`, an instance's own function."""
    before = [vars(layer).get(method) for layer in layers]
    for layer in layers:
        plain = getattr(layer, method)
        setattr(layer, method, functools.wraps(plain)(make(layer, plain)))
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            if own is None:
                delattr(layer, method)
            else:
                setattr(layer, method, own)


def watched(layers, see, method="call"):
    """Within the block each call of one of `layers` gives `see(layer, outputs)` in the place of its outputs."""

    def make(layer, plain):
        def call(*args, **kwargs):
            return see(layer, plain(*args, **kwargs))

        return call

    return replaced(layers, make, method)


def leaves(model):
    """The layers of a model and of those nested in it, without the models themselves."""
    found = model._flatten_layers(include_self=False)
    return [layer for layer in found if not isinstance(layer, (keras.Model, keras.layers.InputLayer))]
