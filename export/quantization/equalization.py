"""Bring the weights of consecutive layers to equal ranges, without changing what they compute.

Channel i of a layer followed by ReLU may be divided by any s > 0 if the next layer multiplies it back.
With s = sqrt(r1 r2) / r2, from the largest weights r1 that give and r2 that take the channel, both are
sqrt(r1 r2) (Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019,
https://arxiv.org/abs/1906.04721, equation 11).
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from .. import flatbuffer

GIVERS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
TAKERS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 1}
"""The axis of the weights that counts the channels given, and those taken."""

PASSING = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "RELU")
ROUNDS = 20
CONVERGED = 1e-3


@dataclass(frozen=True)
class Pair:
    """Buffers of the layer that gives channels and of the one that takes them, with their axes."""

    weights: int
    bias: int | None
    next_weights: int
    axes: tuple[int, int]


def equalize(float_file):
    """Equalise every pair of layers between which nothing but ReLU and pooling lies.

    ReLU6 is left alone: it cuts off at a value, not at a share of the range. Weights that other layers
    share are too.

    Returns:
        The new file's bytes and the number of pairs; the same bytes if there is none.
    """
    model = flatbuffer.parse(float_file)
    pairs = _pairs(model)
    if not pairs:
        return bytes(float_file), 0
    arrays = _arrays(model, pairs)
    for _ in range(ROUNDS):
        changes = [_equalize(arrays, pair) for pair in pairs]
        if max(changes) < CONVERGED:
            break
    for buffer, values in arrays.items():
        model.buffers[buffer].data = values.astype(np.float32).view(np.uint8).ravel()
    return flatbuffer.serialise(model), len(pairs)


def _pairs(model):
    """The pairs whose weights and biases no other operator reads."""
    readers, found = Counter(), defaultdict(int)
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            readers.update(graph.tensors[i].buffer for i in operator.inputs if i != -1)
            pair = _pair(model, graph, operator)
            if pair is not None:
                found[pair] += 1
    return [
        pair
        for pair, times in found.items()
        if all(readers[b] == times for b in (pair.weights, pair.bias, pair.next_weights) if b is not None)
    ]


def _pair(model, graph, operator):
    """The pair that an operator begins, or None."""
    kind = flatbuffer.operator_name(model, operator)
    if kind not in GIVERS or not _is_homogeneous(operator):
        return None
    taker = _taker(model, graph, operator.outputs[0])
    if taker is None:
        return None
    next_kind = flatbuffer.operator_name(model, taker)
    weights, following = (graph.tensors[each.inputs[1]] for each in (operator, taker))
    bias = (
        graph.tensors[operator.inputs[2]] if len(operator.inputs) > 2 and operator.inputs[2] != -1 else None
    )
    axes = GIVERS[kind], TAKERS[next_kind]
    sizes = [flatbuffer.shape_of(t)[axis] for t, axis in zip((weights, following), axes, strict=True)]
    constants = [weights, following, *([bias] if bias is not None else [])]
    if sizes[0] != sizes[1] or any(flatbuffer.constant(model, tensor) is None for tensor in constants):
        return None
    return Pair(weights.buffer, None if bias is None else bias.buffer, following.buffer, axes)


def _taker(model, graph, index):
    """The only layer that reads a tensor, through what keeps a channel's scale; or None."""
    readers = [operator for operator in graph.operators if index in operator.inputs]
    if len(readers) != 1 or index in graph.outputs:
        return None
    kind = flatbuffer.operator_name(model, readers[0])
    if kind in TAKERS:
        return readers[0] if readers[0].inputs[0] == index else None
    passes = kind in PASSING and _is_homogeneous(readers[0])
    return _taker(model, graph, readers[0].outputs[0]) if passes else None


def _is_homogeneous(operator):
    """Whether the activation fused into an operator commutes with a positive factor."""
    from ai_edge_litert import schema_py_generated as schema

    codes = schema.ActivationFunctionType
    return getattr(operator.builtinOptions, "fusedActivationFunction", codes.NONE) in (codes.NONE, codes.RELU)


def _arrays(model, pairs):
    """The values of all buffers of pairs, in double precision."""
    wanted = {buffer for pair in pairs for buffer in (pair.weights, pair.bias, pair.next_weights)}
    return {
        tensor.buffer: flatbuffer.constant(model, tensor).astype(np.float64)
        for graph in model.subgraphs
        for tensor in graph.tensors
        if tensor.buffer in wanted
    }


def _equalize(arrays, pair):
    """Equalise one pair in place; how far the largest factor was from 1."""
    first, second = arrays[pair.weights], arrays[pair.next_weights]
    given, taken = _largest(first, pair.axes[0]), _largest(second, pair.axes[1])
    # A channel of zeros has no range to bring to another.
    used = (given > 0) & (taken > 0)
    factors = np.where(used, np.sqrt(given / np.where(used, taken, 1)), 1)
    factors[factors == 0] = 1
    arrays[pair.weights] = first / _along(factors, first.ndim, pair.axes[0])
    arrays[pair.next_weights] = second * _along(factors, second.ndim, pair.axes[1])
    if pair.bias is not None:
        arrays[pair.bias] = arrays[pair.bias] / factors
    return float(np.abs(np.log(factors)).max())


def _largest(weights, axis):
    return np.abs(np.moveaxis(weights, axis, 0)).reshape(weights.shape[axis], -1).max(1)


def _along(values, rank, axis):
    return values.reshape([-1 if place == axis else 1 for place in range(rank)])
