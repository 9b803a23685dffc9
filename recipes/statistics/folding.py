"""A temperature folded into a model: its logits divided, and no operator more where that can be had."""

import keras
import numpy as np
from keras import layers

from recipes.errors import RecipeError

_CARRIERS = (
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.Dropout,
    layers.Flatten,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.Identity,
    layers.MaxPooling2D,
    layers.Permute,
    layers.Reshape,
    layers.Add,
    layers.Average,
    layers.Concatenate,
    layers.Subtract,
)
"""What gives a share of its output where it gets that share of its inputs."""

_LINEAR = (layers.Dense, layers.Conv1D, layers.Conv2D)
_EXACT = 1e-3  # of the logits' standard deviation


def fold(model, temperature, examples):
    """A model that gives the logits of `model` divided by `temperature`.

    Weights and bias of the last dense layer or convolution are divided. Where what comes last is something
    else, a layer that multiplies is added, one operator in a file.

    Args:
        model: A Keras model of one output; it is changed, and must not be used any more.
        temperature: Greater than 0.
        examples: Inputs `(n, ...)` to prove it on.

    Raises:
        RecipeError: The model was trained with simulated integers and does not end in a dense layer, or comes
            out otherwise.
    """
    from export.awareness import is_aware

    before = np.asarray(model.predict_on_batch(examples), np.float32)
    (output,) = model.outputs
    found = _weights_behind(output, model)
    if found is not None:
        for weight in found:
            weight.assign(weight / temperature)
    elif is_aware(model):
        raise RecipeError(
            f"{model.name} was trained with simulated integers and does not end in a dense layer or a "
            "convolution, so that its temperature can't be folded in. Calibrate a run with quantization=after"
        )
    else:
        scaled = layers.Rescaling(1 / temperature, name="temperature")(output)
        model = keras.Model(model.inputs, scaled, name=model.name)
    _check(model, examples, before / temperature)
    return model


def _weights_behind(tensor, model):
    """The variables that an output of logits is proportional to; None where there are no such."""
    layer = tensor._keras_history.operation
    if len(layer._inbound_nodes) > 1 or _uses(layer, model) > 1:
        return None
    if type(layer) in _LINEAR and layer.activation is keras.activations.linear:
        return list(layer.weights)
    sources, own = layer._inbound_nodes[0].input_tensors, []
    if type(layer) not in _CARRIERS:
        found = _simulated(layer)
        if found is None:
            return None
        own, sources = found, sources[:1] if _is_range(layer) else ()
    parts = [_weights_behind(source, model) for source in sources]
    return None if None in parts else [*own, *(weight for part in parts for weight in part)]


def _simulated(layer):
    """The same of a layer of simulated integers alone."""
    from export.awareness.operator_layer import QuantizedOperator

    if _is_range(layer):
        return [layer.low, layer.high] if layer.sources == 1 and layer.method != "fixed" else None
    if not isinstance(layer, QuantizedOperator) or layer.kernel is None or layer.several:
        return None
    plain = layer.options.get("fusedActivationFunction") in (None, "NONE")
    return [weight for weight in (layer.kernel, layer.bias) if weight is not None] if plain else None


def _is_range(layer):
    """Whether a layer rounds activations to the steps of a range."""
    from export.awareness.ranges import ActivationRange

    return isinstance(layer, ActivationRange)


def _uses(layer, model):
    """By how many layers of the model a layer's output is taken."""
    nodes = {id(node) for other in model.layers for node in other._inbound_nodes}
    return len(nodes.intersection(map(id, layer._outbound_nodes)))


def _check(model, examples, wanted):
    """Raise a `RecipeError` unless a model gives what is wanted."""
    found = np.asarray(model.predict_on_batch(examples), np.float32)
    gap = float(np.abs(found - wanted).max() / (wanted.std() or 1.0))
    if not gap <= _EXACT:
        raise RecipeError(
            f"{model.name} with a temperature folded in is {gap:.2g} standard deviations off: nothing was "
            "changed. Export it as it is"
        )
