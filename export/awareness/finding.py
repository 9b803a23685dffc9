"""Which layers of a model act in training, and which tensors of its file stand for what they take and give."""

from collections.abc import Mapping

import keras
import numpy as np

from ..errors import InvalidInput
from ..signatures import flat_inputs
from .acting import Acting, takes_training
from .evaluating import evaluated, weights_of

GONE = (
    keras.layers.InputLayer,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
)
"""Layers that act in training and that fine-tuning goes without."""

CLOSE = 0.05  # of a tensor of the file to a layer's: root mean square, in standard deviations
TIE = 1 + 1e-3  # tensors that are this much farther are copies
SAME = 1e-5
ROWS = 32


def acting(model, rows, structure, floats):
    """The layers of a model that act in training.

    Args:
        model: A functional model.
        rows: A batch of what it takes.
        structure: Of the model's graph in the int8 file.
        floats: The float file's weights, see `weights.of`.

    Returns:
        An `Acting` by the index of the tensor that each gives.

    Raises:
        InvalidInput: The file has no tensor for what one of them takes or gives.
    """
    computed, found = {}, {}
    for layer, taken in _taken(model, rows):
        seen = in_training(layer, taken)
        if seen is None:
            continue
        computed = computed or evaluated(structure, floats, _named(model, rows))
        given, same = seen
        source, result = (_nearest(x, computed) for x in (taken, given))
        if source is None or result is None:
            raise InvalidInput(_unplaced(model, layer, source is None))
        weights = {
            place: weights_of(structure, floats, structure.operators[place])
            for place in sorted(_between(structure, source, result))
            if structure.operators[place].kernel is not None
        }
        ties, frozen = _ties(layer, weights)
        found[result] = Acting(
            name=layer.name,
            layer=keras.saving.serialize_keras_object(layer),
            taken=list(taken.shape[1:]),
            source=source,
            ties=ties,
            frozen=frozen,
            same=same,
            values=tuple(np.asarray(variable) for variable in layer.variables),
        )
    return found


def in_training(layer, x):
    """What a layer gives at inference, and whether that is what it gives in training; None if it does not act.

    It acts where it adds to the losses, or gives something else and has nothing to learn: a layer that learns
    and gives something else, such as one that chooses softly at first, has chosen.
    """
    (drawn, losses), (given, prices) = (_called(layer, x, training) for training in (True, False))
    same = np.allclose(drawn, given, atol=SAME)
    if not (losses or prices) and (same or layer.trainable_variables):
        return None
    return given, same


def first_rows(batches, model):
    """The first rows of a list of batches, as a model takes them."""
    rows = keras.tree.map_structure(lambda values: np.asarray(values[:ROWS]), batches[0])
    if isinstance(rows, Mapping) and not isinstance(model.input, Mapping):
        return keras.tree.pack_sequence_as(model.input, [rows[name] for name in flat_inputs(model)])
    return rows


def _called(layer, x, training):
    """What a layer gives and adds to the losses, without a trace of the call."""
    learnt, state = (
        [variable.value for variable in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    )
    how = {"training": training} if takes_training(layer) else {}
    given, _, losses = layer.stateless_call(learnt, state, x, return_losses=True, **how)
    return np.asarray(given), losses


def _taken(model, rows):
    """The layers of a model that go from one tensor to one, and what each takes."""
    chosen = [
        layer
        for layer in model.layers
        if not isinstance(layer, (*GONE, keras.Model))
        and len(keras.tree.flatten(layer.input)) == len(keras.tree.flatten(layer.output)) == 1
    ]
    tensors = [keras.tree.flatten(layer.input)[0] for layer in chosen]
    given = keras.tree.flatten(keras.Model(model.input, tensors)(rows, training=False)) if chosen else []
    return zip(chosen, map(np.asarray, given), strict=True)


def _named(model, rows):
    """The rows by the names of the inputs in a file."""
    return dict(zip(flat_inputs(model), keras.tree.flatten(rows), strict=True))


def _nearest(array, computed):
    """The index of the first tensor that holds what an array does; None where none is close."""
    flat = array.reshape(len(array), -1)
    spread = flat.std() or np.abs(flat).max() or 1.0
    errors = {
        index: np.sqrt(np.mean((values.reshape(len(values), -1) - flat) ** 2)) / spread
        for index, values in computed.items()
        if values.size == flat.size and values.dtype == np.float32
    }
    least = min(errors.values(), default=np.inf)
    if least > CLOSE:
        return None
    return next(index for index, error in errors.items() if error <= least * TIE)


def _between(structure, source, result):
    """The places of the operators that compute one tensor from another."""
    makers = {i: place for place, operator in enumerate(structure.operators) for i in operator.outputs}
    found, waiting = set(), [result]
    while waiting:
        index = waiting.pop()
        place = makers.get(index)
        if index != source and place is not None and place not in found:
            found.add(place)
            waiting += [i for i in structure.operators[place].inputs if i is not None]
    return found


def _ties(layer, weights):
    """Which variables of a layer operators have, by place; or, where these have others too, which stay as they are."""
    ties = {}
    for place, (kernel, bias) in weights.items():
        for part, held in (("kernel", kernel.T), ("bias", bias)):
            number = next(
                (i for i, v in enumerate(layer.variables) if str(i) not in ties and _equal(held, v)), None
            )
            if number is not None:
                ties[str(number)] = [place, part]
    tied = {place for place, part in ties.values() if part == "kernel"}
    return (ties, []) if tied == set(weights) else ({}, list(weights))


def _equal(held, variable):
    return held is not None and np.array_equal(held, np.asarray(variable))


def _unplaced(model, layer, before):
    return (
        f"Layer {layer.name!r} of {model.name!r} acts in training, and the int8 file has no tensor for what it "
        f"{'takes' if before else 'gives'}. Quantise this model after training, or make the parts before and behind "
        "the layer signatures of their own."
    )
