"""Ranges of simulated integers that follow the values of a whole batch, of which each device has a part."""

import contextlib
import functools


@contextlib.contextmanager
def followed(trainee):
    """Within the block, what learns the range of activations sees the least and greatest of all devices."""
    from export.awareness.ranges import ActivationRange

    layers = [layer for layer in trainee._flatten_layers() if isinstance(layer, ActivationRange)]
    for layer in layers:
        layer._observe = functools.partial(_observe, layer._observe)
    try:
        yield
    finally:
        for layer in layers:
            del layer._observe


def _observe(plain, x, source):
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        x = context.all_gather(tf.stack([tf.reduce_min(x), tf.reduce_max(x)]), axis=0)
    plain(x, source)
