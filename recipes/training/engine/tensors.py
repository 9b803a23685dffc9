"""Batches made by TensorFlow itself, from a split that it holds: no Python between two steps."""

import random

import keras
import numpy as np
from keras.src.trainers.data_adapters.data_adapter import DataAdapter

_ROOM = 2**30  # bytes of images, at most, that are held as a tensor


def fed(batches):
    """What `fit` is given for `batches`: they themselves, or under TensorFlow the same ones by its own means.

    The values and their order are the same, bit for bit. Batches that several processes share, that pixels
    are drawn for or whose images take more than 1 GiB come from `batches`.

    Args:
        batches: A `recipes.data.feeding.Batches`, or one that is derived from it.
    """
    from recipes.data import feeding

    own = keras.backend.backend() == "tensorflow" and type(batches) is feeding.Batches
    if not own or batches.part or batches.binarize or batches.subset.split.x.nbytes > _ROOM:
        return batches
    return _Tensors(batches)


class _Tensors(DataAdapter):
    """`batches` as a `tf.data.Dataset`: Python is asked for the order of an epoch, once an epoch."""

    def __init__(self, batches):
        self.batches = batches
        self._dataset = self._described()

    def _described(self):
        import tensorflow as tf

        batches = self.batches
        split = batches.subset.split
        x, y = tf.convert_to_tensor(split.x), tf.convert_to_tensor(np.asarray(split.y, np.int32))

        def batch(indices):
            images = tf.gather(x, indices)
            images = tf.cast(images, "float32") / 255.0 if x.dtype == tf.uint8 else tf.cast(images, "float32")
            labels = tf.gather(y, indices)
            return ({"image": images, "label": labels} if batches.conditional else images), labels

        order = tf.data.Dataset.from_generator(
            self._order, output_signature=tf.TensorSpec((None,), "int64")
        )
        order = order.flat_map(tf.data.Dataset.from_tensor_slices)
        return order.batch(batches.batch_size, batches.seed is not None).map(batch).prefetch(tf.data.AUTOTUNE)

    def _order(self):
        """The order of one epoch: Keras shuffles the batches of a training as well, by Python's generator."""
        batches, order = self.batches, np.asarray(self.batches._order)
        if batches.seed is not None:
            chosen = list(range(len(batches)))
            random.shuffle(chosen)
            order = order[: len(batches) * batches.batch_size].reshape(len(batches), -1)[chosen].ravel()
        yield order

    def get_tf_dataset(self):
        return self._dataset

    def on_epoch_end(self):
        self.batches.on_epoch_end()

    @property
    def num_batches(self):
        return len(self.batches)

    @property
    def batch_size(self):
        return self.batches.batch_size
