"""Which group of layers is learnt when, and how fast."""

import contextlib
from typing import NamedTuple

import keras

from recipes.training.transfer import layers, rates


class Group(NamedTuple):
    """Layers that are learnt alike.

    Attributes:
        name: As `layers.groups` gives it.
        layers: Keras layers.
        rate: Factor of the learning rate.
        begins: The epoch, from 0 on, in which they begin to be learnt.
    """

    name: str
    layers: list
    rate: float
    begins: int


def plan(model, values):
    """The `Group`s of a model's trainable layers, the first one first.

    Args:
        model: A Keras model.
        values: A `recipes.transfer.Transfer`.
    """
    found = list(layers.groups(model).items())
    last = len(found) - 1
    return [
        Group(name, own, values.rate_decay ** (i - last), (last - i) * values.unfreeze_every)
        for i, (name, own) in enumerate(found)
    ]


@contextlib.contextmanager
def followed(groups, trainee):
    """Within the block, `trainee` learns each of `groups` when and as fast as it says.

    Args:
        groups: From `plan`.
        trainee: A model compiled with one of the optimisers of `rates`, which was built on all its variables.

    Yields:
        The callbacks that `fit` needs.
    """
    stages = _Stages(groups, trainee)
    normalizations = [
        (layer, group)
        for group in groups
        if group.begins
        for part in group.layers
        for layer in part._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    before = [(layer, vars(layer).get("call")) for layer, _ in normalizations]
    for layer, group in normalizations:
        layer.call = _held_still(layer.call, group, stages)
    try:
        yield [stages]
    finally:
        for layer, own in before:
            del layer.call
            if own:
                layer.call = own


def _held_still(call, group, stages):
    """Batch normalisation that stays in inference mode until its group is learnt."""

    def held(inputs, training=None, mask=None):
        return call(inputs, training=training and stages.epoch >= group.begins, mask=mask)

    return held


class _Stages(keras.callbacks.Callback):
    """Before an epoch in which more is learnt than before, the training step is compiled anew."""

    def __init__(self, groups, trainee):
        super().__init__()
        self.groups, self.trainee = groups, trainee
        self._enter(0)

    def on_epoch_begin(self, epoch, logs=None):
        before = self._active()
        self._enter(epoch)
        if self._active() != before:
            self.trainee.make_train_function(force=True)

    def _enter(self, epoch):
        self.epoch = epoch
        factors = {
            id(variable): group.rate if epoch >= group.begins else 0.0
            for group in self.groups
            for layer in group.layers
            for variable in layer.trainable_variables
        }
        rates.give(self.trainee.optimizer, factors, self.trainee.trainable_variables)

    def _active(self):
        return sum(self.epoch >= group.begins for group in self.groups)
