"""Batch normalisation by the statistics of a whole batch, of which each device has a part.

Keras's own synchronised layers take the variance as the mean square less the squared mean, which in float32
loses a batch that lies far from zero beside its spread. Here it is taken around the mean, as on one device.
"""

import contextlib
import functools

import keras


@contextlib.contextmanager
def synchronized(trainee):
    """Within the block, batch normalisations take the mean and variance of whole batches."""
    found = [x for x in trainee._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    layers = [layer for layer in found if not layer.synchronized]
    for layer in layers:
        layer.synchronized = True  # tells the fused kernel, which knows one device alone, to stay away
        layer._moments = functools.partial(_moments, layer, layer._moments)
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False
            del layer._moments


def _moments(layer, plain, inputs, mask):
    """Mean and variance `(channels,)` of `inputs` over all devices; with a mask, what Keras makes of it."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if mask is not None or context is None or context.num_replicas_in_sync == 1:
        return plain(inputs, mask)
    axes = layer._reduction_axes

    def total(values):
        return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

    count = total(tf.cast(tf.size(inputs) // tf.shape(inputs)[layer.axis], inputs.dtype))
    mean = total(tf.reduce_sum(inputs, axes, keepdims=True)) / count
    variance = total(tf.reduce_sum(tf.square(inputs - mean), axes, keepdims=True)) / count
    return tf.squeeze(mean, axes), tf.squeeze(variance, axes)
