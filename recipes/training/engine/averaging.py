"""Averages of the weights over steps, validated in the weights' place.

Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; the optimiser keeps
them, and gives them to the model when training ends.
"""

import keras


class Validated(keras.callbacks.Callback):
    """While a model is validated, its weights and their averages change places.

    Exactly: Keras's own callback for this adds and subtracts, which rounds the weights each time.
    """

    def on_test_begin(self, logs=None):
        self._swap()

    def on_test_end(self, logs=None):
        self._swap()

    def _swap(self):
        for variable, average in _pairs(self.model.optimizer):
            own = keras.ops.convert_to_numpy(variable).copy()  # under PyTorch it shares the variable's memory
            variable.assign(keras.ops.convert_to_numpy(average))
            average.assign(own)


def settle(optimizer):
    """Give the trained variables their averages."""
    for variable, average in _pairs(optimizer):
        variable.assign(average)


def _pairs(optimizer):
    """The variables that an optimiser was built for, each with its average."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)


def told(values):
    """What to tell of accumulated gradients and averaged weights; nothing where there are none."""
    parts = [f"an update every {values.accumulation} batches"] if values.accumulation > 1 else []
    parts += [f"weights averaged with momentum {values.ema:g}"] if values.ema else []
    return ", ".join(parts)
