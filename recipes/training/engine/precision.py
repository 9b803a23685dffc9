"""Mixed precision while a model trains: layers compute in 16 bits, weights and outputs stay float32.

Micikevicius et al., "Mixed Precision Training", 2018, https://arxiv.org/abs/1710.03740
"""

import contextlib

import keras


@contextlib.contextmanager
def applied(model, policy):
    """Within the block, `model`'s layers compute as the dtype policy `policy` says.

    Those that give the model's outputs stay as they are: softmax, losses and metrics need float32. The
    weights are float32 all along, so the model is the same float32 model before and after.
    """
    layers = [] if policy == "float32" else _inner(model)
    before = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = keras.DTypePolicy(policy)
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.dtype_policy = own


def told(values):
    """What to tell of the precision; nothing of float32."""
    return "" if values.precision_policy == "float32" else values.precision_policy


def _inner(model):
    """The layers that compute in float32 now, without those that give a model's outputs."""
    models = [part for part in model._flatten_layers() if isinstance(part, keras.Model)]
    last = {id(tensor._keras_history.operation) for part in models for tensor in _outputs(part)}
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model)
        and id(layer) not in last
        and layer.dtype_policy.name == "float32"
    ]


def _outputs(model):
    """The symbolic outputs of a functional model; none of another."""
    return keras.tree.flatten(getattr(model, "outputs", None) or [])
