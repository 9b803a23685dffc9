"""How well a `.tflite` file compresses: zeros and shared values of its weights, and its size zipped."""

import zlib
from dataclasses import dataclass

import numpy as np

from . import flatbuffer
from .contents import read
from .quantization.rewriting import WINDOW
from .structure import reading

# Operators with weights, and the axis of their output channels.
WEIGHTED = {
    "BATCH_MATMUL": -1,
    "CONV_2D": 0,
    "CONV_3D": -1,
    "CONV_3D_TRANSPOSE": -2,
    "DEPTHWISE_CONV_2D": 3,
    "EMBEDDING_LOOKUP": 0,
    "FULLY_CONNECTED": 0,
    "TRANSPOSE_CONV": 0,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 0,
}


@dataclass(frozen=True, kw_only=True)
class WeightTensor:
    """One kernel as a file stores it.

    `zeros` is the share of weights that are zero, `values` how many different numbers there are, and
    `channel_values` the most in one output channel. `most_of_four` is the most weights other than zero
    among four neighbours along the inputs of an output channel: 2 or less is the pattern 2:4.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    dtype: str
    zeros: float
    values: int
    channel_values: int
    most_of_four: int


@dataclass(frozen=True, kw_only=True)
class Weights:
    """All kernels of a file. `zeros` is the share over all of them, `zip_bytes` the file's size deflated."""

    bytes: int
    zip_bytes: int
    zeros: float
    tensors: tuple[WeightTensor, ...]


def weigh(tflite):
    """Read from a file how sparse its kernels are and how few values they have.

    Args:
        tflite: The file's path, or its bytes.

    Returns:
        A `Weights`.

    Raises:
        InvalidFile: It is not a `.tflite` file, or it is damaged.
    """
    content = read(tflite)
    model = flatbuffer.parse(content)
    with reading(content):
        found = {tensor.buffer: (operator, tensor) for operator, tensor in _kernels(model)}
        stored = [(*pair, flatbuffer.constant(model, pair[1])) for pair in found.values()]
        tensors = tuple(_described(*entry) for entry in stored)
    total = sum(values.size for _, _, values in stored)
    zeros = sum(values.size - np.count_nonzero(values) for _, _, values in stored)
    return Weights(
        bytes=len(content),
        zip_bytes=len(zlib.compress(content)),
        zeros=zeros / total if total else 0.0,
        tensors=tensors,
    )


def _kernels(model):
    """Operator and tensor of every kernel: a constant of two or more axes that an operator multiplies with.

    The mean of a window, which integer files compute as a convolution, is no kernel.
    """
    for graph in model.subgraphs:
        widened = {  # float16 weights are read through an operator
            int(operator.outputs[0]): int(operator.inputs[0])
            for operator in graph.operators or []
            if flatbuffer.operator_name(model, operator) == "DEQUANTIZE"
        }
        for operator in graph.operators or []:
            name = flatbuffer.operator_name(model, operator)
            for index in operator.inputs if name in WEIGHTED else ():
                tensor = graph.tensors[widened.get(int(index), int(index))]
                if index == -1 or (tensor.name or b"").decode(errors="replace").endswith(WINDOW):
                    continue
                constant = flatbuffer.constant(model, tensor) is not None
                if constant and len(flatbuffer.shape_of(tensor)) > 1:
                    yield name, tensor


def _described(operator, tensor, values):
    rows = np.moveaxis(values, _channel_axis(operator, tensor), 0)
    rows = rows.reshape(len(rows), -1)
    padded = np.pad(rows != 0, ((0, 0), (0, -rows.shape[1] % 4)))
    return WeightTensor(
        name=tensor.name.decode(errors="replace"),
        operator=operator,
        shape=values.shape,
        dtype=flatbuffer.type_name(tensor.type),
        zeros=float(np.mean(values == 0)),
        values=len(np.unique(values)),
        channel_values=max(len(np.unique(row)) for row in rows),
        most_of_four=int(padded.reshape(-1, 4).sum(-1).max()),
    )


def _channel_axis(operator, tensor):
    spread = tensor.quantization
    if spread is not None and spread.scale is not None and len(spread.scale) > 1:
        return spread.quantizedDimension
    return WEIGHTED[operator]
