"""Batch normalisation as the zoo's networks use it."""

from keras import layers


def batch_norm(x, name):
    """Batch normalisation (Ioffe & Szegedy, 2015) whose statistics follow within ten steps.

    The momentum of 0.9 in the place of Keras's 0.99 lets runs of a few hundred steps, as on small
    data sets, be judged by statistics that belong to their weights. Any shape to the same shape.
    """
    return layers.BatchNormalization(momentum=0.9, name=name)(x)
