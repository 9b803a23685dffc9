"""Multiply-accumulate operations of a layer, for one image.

Counted are convolutions and dense layers, and what a layer of the zoo says of itself with a method
`macs` (see `zoo.layers`). Batch normalisation folds into the convolution before it, and
activations, pooling, sums and look-ups multiply no weights: they count as 0.
"""

import math

from keras import layers

SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
CONVOLUTION = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
WITHOUT = (
    layers.BatchNormalization,
    layers.Embedding,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
)


def macs(layer, inputs, outputs):
    """MACs of one call of `layer`.

    Args:
        layer: A layer or an operation of a graph.
        inputs: Shape of its first input, without the batch axis.
        outputs: Shape of its first output, without the batch axis.

    Returns:
        An integer, or None where a size is not fixed or the layer has weights of a kind that is
        not known here.
    """
    if None in (*inputs, *outputs):
        return None
    if hasattr(layer, "macs"):
        return layer.macs(inputs, outputs)
    if isinstance(layer, layers.Dense):
        return math.prod(inputs) * layer.units
    if isinstance(layer, SEPARABLE + DEPTHWISE + TRANSPOSED + CONVOLUTION):
        return _convolution(layer, *_oriented(layer, inputs), *_oriented(layer, outputs))
    if isinstance(layer, WITHOUT) or not getattr(layer, "trainable_weights", None):
        return 0
    return None


def _oriented(layer, shape):
    """`(positions, channels)` of a map."""
    channels_first = layer.data_format == "channels_first"
    channels = shape[0] if channels_first else shape[-1]
    return math.prod(shape) // channels, channels


def _convolution(layer, positions_in, channels_in, positions_out, channels_out):
    taps = math.prod(layer.kernel_size)
    if isinstance(layer, TRANSPOSED):
        # Every input pixel is spread over all taps; what falls outside is counted too.
        return positions_in * taps * channels_in * channels_out
    if isinstance(layer, DEPTHWISE):
        return positions_out * taps * channels_out
    if isinstance(layer, SEPARABLE):
        depthwise = channels_in * layer.depth_multiplier
        return positions_out * depthwise * (taps + channels_out)
    return positions_out * taps * channels_in // layer.groups * channels_out
