"""Change weights after each of the optimiser's updates, within the compiled step, on every backend.

A callback would come too late: under JAX weights are no variables while an epoch runs.
"""

from contextlib import contextmanager

import keras
from keras import ops

from ..errors import InvalidInput


@contextmanager
def stepping(trainer, variables, change):
    """Within the block, the steps of a compiled model end with a change of some of its weights.

    Args:
        trainer: A compiled `keras.Model` that trains the variables.
        variables: The weights.
        change: Called with the number of the step (0 is the first), the weights before the update and
            those after it; gives the weights that are to be.

    Raises:
        InvalidInput: The model is not compiled, does not train the variables, or averages its weights; or it
            was compiled again within the block.
    """
    optimizer = _optimizer(trainer, variables)
    plain = optimizer.apply

    def apply(grads, trainable_variables=None):
        # Copies: a TensorFlow variable is read when it is used, which is after the update.
        step, *before = [ops.copy(variable) for variable in (optimizer.iterations, *variables)]
        plain(grads, trainable_variables)
        after = [ops.convert_to_tensor(variable) for variable in variables]
        for variable, value in zip(variables, change(step, before, after), strict=True):
            variable.assign(value)

    optimizer.apply = apply
    _compile_anew(trainer)
    try:
        yield
    finally:
        # A block within another one leaves that one's change in its place.
        if getattr(plain, "__self__", None) is optimizer:
            del optimizer.apply
        else:
            optimizer.apply = plain
        _compile_anew(trainer)
    if _optimizer(trainer, variables) is not optimizer:
        raise InvalidInput(
            f"Model {trainer.name!r} was compiled within the block, so its weights were trained as ever: compile"
            " it before."
        )


def _optimizer(trainer, variables):
    if getattr(trainer, "optimizer", None) is None:
        raise InvalidInput(f"Model {trainer.name!r} is not compiled: call its compile() first.")
    optimizer = getattr(trainer.optimizer, "inner_optimizer", trainer.optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise InvalidInput(f"Expected a Keras optimiser, not {type(optimizer).__name__}.")
    if optimizer.use_ema:
        raise InvalidInput(
            "An average of weights over time has neither their zeros nor their shared values: compile the"
            " model with use_ema=False."
        )
    trained = {id(variable) for variable in trainer.trainable_variables}
    if not all(id(variable) in trained for variable in variables):
        raise InvalidInput(
            f"Model {trainer.name!r} does not train all the kernels: give the compiled model that does as"
            " `trainer`."
        )
    return optimizer


def _compile_anew(trainer):
    """A step that was compiled before would go on as it was."""
    if trainer.train_function is not None:
        trainer.make_train_function(force=True)
