"""Few values shared by all weights of a kernel, up to one scale for each output channel.

Han et al., "Deep Compression", 2016, section 3, https://arxiv.org/abs/1510.00149: weights are clustered,
and then the shared values are learnt.

What is shared are the weights' ratios to the largest of their output channel. These are what an integer
file stores, `round(127 * ratio)`, and a factor for each channel, such as batch normalisation's, that is
folded into a kernel does not change them; one below zero turns them round, so there are as many values
above zero as below. So with k clusters an int8 kernel holds at most k different integers, and a float
kernel at most k different numbers in each channel; of a transposed convolution that a file holds as a
sub-pixel convolution each phase is a channel, with zeros between. The ratios are multiples of 1/127:
rounding to int8 loses nothing.
"""

from contextlib import contextmanager

import numpy as np
from keras import ops

from ..errors import InvalidInput
from .codebook import INITS, centroids
from .kernels import kernels
from .shared_values import STEPS, different, encoded, ratios
from .stepping import stepping


def cluster(model, clusters=16, init="linear", skip=()):
    """Let the weights of each kernel share few values, now.

    A weight of zero stays zero, so a pruned model stays pruned.

    Args:
        model: A built `keras.Model`; the kernels of its dense and convolutional layers are changed.
        clusters: The most values a kernel may have, zero included: at least 2, or 3 where weights are zero.
        init: Where centroids start: "linear", "density" or "kmeans++". Linear keeps the large weights,
            of which there are few, apart (section 3.2).
        skip: Shell patterns of the names of layers to leave alone.

    Raises:
        InvalidInput: A value is out of range, or no kernel can be clustered.
    """
    if isinstance(clusters, bool) or not isinstance(clusters, int) or clusters < 2:
        raise InvalidInput(f"clusters must be an integer of at least 2, not {clusters!r}.")
    if init not in INITS:
        raise InvalidInput(f"There is no init {init!r}. Possible: {', '.join(INITS)}.")
    for kernel, weights in _weighted(clusterable(model, skip)):
        channel = kernel.channels()
        ratio = ratios(weights, channel)
        pairs = (clusters - (not ratio.all())) // 2
        if not pairs:
            raise InvalidInput(
                f"{kernel.name!r} has weights of zero: clusters must be at least 3, for zero and a value on"
                f" either side, not {clusters}."
            )
        code = encoded(weights, channel, centroids(ratio[ratio > 0], pairs, init))
        kernel.variable.assign(kernel.from_matrix(code.settled(weights)))


@contextmanager
def keep_clusters(model, trainer=None):
    """Within the block, weights that share a value go on sharing one, and the shared values are learnt.

    After each update of the optimiser the weights are put back to shared values and scales, to the means
    over the weights concerned. For gradient descent that is a step along Han et al.'s gradient of a
    centroid, the sum over its weights, divided by their number. At the end of the block the ratios are
    brought to multiples of 1/127.

    Args:
        model: A model after `cluster`, also one that trains with simulated integers. Kernels whose weights
            share no values are trained as ever.
        trainer: The compiled model that trains `model`, where that is another.

    Raises:
        InvalidInput: The model is not compiled, or none of its kernels shares values.
    """
    found = _shared(model)

    def change(step, before, after):
        return [
            kernel.from_matrix(code.project(kernel.to_matrix(old), kernel.to_matrix(new)))
            for (kernel, _, code), old, new in zip(found, before, after, strict=True)
        ]

    with stepping(trainer or model, [kernel.variable for kernel, _, _ in found], change):
        yield
    settle_clusters(model)


def settle_clusters(model):
    """Bring the ratios of weights that share values to multiples of 1/127, e.g. of a checkpoint of training.

    Raises:
        InvalidInput: No kernel shares values.
    """
    for kernel, weights, code in _shared(model):
        kernel.variable.assign(kernel.from_matrix(code.settled(weights)))


def clusterable(model, skip=()):
    """The kernels of dense and convolutional layers.

    Raises:
        InvalidInput: There is none.
    """
    found = [kernel for kernel in kernels(model, skip) if kernel.known]
    if not found:
        raise InvalidInput(f"Model {model.name!r} has no dense or convolutional layer to cluster.")
    return found


def _weighted(found):
    """Kernels that are not all zero, with their weights, `(outputs * inputs,)`."""
    rows = [(kernel, ops.convert_to_numpy(kernel.to_matrix(kernel.variable)).ravel()) for kernel in found]
    return [(kernel, weights) for kernel, weights in rows if weights.any()]


def _shared(model):
    """The kernels whose weights share values, with their weights and the `Code` of these.

    Fewer weights than twice their values are as good as free: they have few values whatever they are.
    """
    found = [(kernel, weights, _code(kernel, weights)) for kernel, weights in _weighted(clusterable(model))]
    shared = [
        (kernel, weights, code)
        for kernel, weights, code in found
        if code.count <= min(STEPS, np.count_nonzero(weights) / 2)
    ]
    if not shared and any(code.count > STEPS for _, _, code in found):
        raise InvalidInput(
            f"No kernel of {model.name!r} has weights that share values. Call `export.cluster` first."
        )
    return shared


def _code(kernel, weights):
    """The `Code` of weights as they are."""
    channel = kernel.channels()
    ratio = ratios(weights, channel)
    return encoded(weights, channel, different(ratio[ratio > 0]))
