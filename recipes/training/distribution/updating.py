"""How an optimiser changes weights that several devices hold: gradients are added up first, then all else is done.

Keras clips on each device alone, and its accumulation fails there: it adds gradients up within a condition.
"""

import contextlib
import threading

from keras import ops


class Step:
    """What is told of a training step while it is compiled.

    Attributes:
        changes: Whether the weights change in it, or gradients are kept for a later one.
        here: Of the device that it is compiled for, in a thread of its own: `here.weight`, by which its loss
            counts.
    """

    def __init__(self):
        self.changes, self.here = True, threading.local()


@contextlib.contextmanager
def together(optimizer, step):
    """Within the block, `optimizer` does with the gradients of all devices what it would do with those of one.

    Args:
        optimizer: A Keras optimiser, or a `LossScaleOptimizer` around one.
        step: The `Step` that is compiled.
    """
    inner = _inner(optimizer)
    scale, add = optimizer.scale_loss, inner._all_reduce_sum_gradients

    def applied(grads, variables):
        sums = [g for g, _ in add([(g, None) for g in grads])]
        _apply(inner, sums, variables, step.changes)

    optimizer.scale_loss = lambda loss: scale(loss) * step.here.weight
    inner._all_reduce_sum_gradients = lambda pairs: pairs
    inner._backend_apply_gradients = applied
    try:
        with _agreeing(optimizer):
            yield
    finally:
        del optimizer.scale_loss, inner._all_reduce_sum_gradients, inner._backend_apply_gradients


def due(optimizer):
    """Whether the weights change in the next step, or gradients are accumulated."""
    inner = _inner(optimizer)
    steps = inner.gradient_accumulation_steps
    return not steps or (int(ops.convert_to_numpy(inner._iterations)) + 1) % steps == 0


@contextlib.contextmanager
def _agreeing(optimizer):
    """Within the block, a step that overflows on one device is left out on all; Keras asks the first one alone."""
    if optimizer is _inner(optimizer):
        yield
        return
    import tensorflow as tf

    finite = optimizer.check_finite

    def on_all(grads):
        overflows = ops.cast(ops.logical_not(finite(grads)), "float32")
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, overflows) == 0

    optimizer.check_finite = on_all
    try:
        yield
    finally:
        del optimizer.check_finite


def _inner(optimizer):
    return getattr(optimizer, "inner_optimizer", optimizer)


def _apply(optimizer, grads, variables, changes):
    """What a Keras optimiser does with gradients, in its order."""
    if steps := optimizer.gradient_accumulation_steps:
        kept = [optimizer._accumulated_gradients[optimizer._get_variable_index(v)] for v in variables]
        sums = [g + ops.convert_to_tensor(k) for g, k in zip(grads, kept, strict=True)]
        for held, total in zip(kept, sums, strict=True):
            held.assign(ops.zeros_like(total) if changes else total)
        grads = [s / steps for s in sums]
    if changes:
        grads = optimizer._clip_gradients(grads)
        optimizer._apply_weight_decay(variables)
        optimizer._backend_update_step(grads, variables, optimizer.learning_rate)
    if optimizer.use_ema:
        optimizer._update_model_variables_moving_average(optimizer._trainable_variables)
