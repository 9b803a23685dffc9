"""The layers of the table of layers: each with the shape of its input, or those of several."""

import re
from functools import partial

import keras
import numpy as np

L = keras.layers
IMAGE, SERIES, VOLUME, VECTOR = (12, 12, 8), (16, 8), (6, 6, 6, 4), (16,)
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "squareplus",
    "tanh",
    "tanh_shrink",
]
NORMALIZATIONS = {
    "BatchNormalization": L.BatchNormalization,
    "GroupNormalization": lambda: L.GroupNormalization(4),
    "LayerNormalization": L.LayerNormalization,
    "RMSNormalization": L.RMSNormalization,
    "SpectralNormalization": lambda: L.SpectralNormalization(L.Conv2D(8, 3)),
    "UnitNormalization": L.UnitNormalization,
}
CONVOLUTIONS = {
    "Conv1D": (SERIES, lambda: L.Conv1D(8, 3)),
    "Conv1D, causal, dilated": (SERIES, lambda: L.Conv1D(8, 3, padding="causal", dilation_rate=2)),
    "Conv1DTranspose": (SERIES, lambda: L.Conv1DTranspose(8, 3, 2)),
    "Conv2D": (IMAGE, lambda: L.Conv2D(8, 3)),
    "Conv2D, dilated": (IMAGE, lambda: L.Conv2D(8, 3, dilation_rate=2)),
    "Conv2D, groups": (IMAGE, lambda: L.Conv2D(8, 3, groups=2)),
    "Conv2DTranspose": (IMAGE, lambda: L.Conv2DTranspose(8, 3, 2, padding="same")),
    "Conv3D": (VOLUME, lambda: L.Conv3D(8, 3)),
    "Conv3DTranspose": (VOLUME, lambda: L.Conv3DTranspose(8, 3)),
    "DepthwiseConv1D": (SERIES, lambda: L.DepthwiseConv1D(3)),
    "DepthwiseConv2D": (IMAGE, lambda: L.DepthwiseConv2D(3)),
    "SeparableConv1D": (SERIES, lambda: L.SeparableConv1D(8, 3)),
    "SeparableConv2D": (IMAGE, lambda: L.SeparableConv2D(8, 3)),
}
WINDOWS = {"AdaptiveAverage": (3,), "Average": (2,), "GlobalAverage": (), "GlobalMax": (), "Max": (2,)}
POOLING = {
    f"{kind}Pooling{n}D": (shape, partial(getattr(L, f"{kind}Pooling{n}D"), *window))
    for kind, window in WINDOWS.items()
    for n, shape in ((1, SERIES), (2, IMAGE), (3, VOLUME))
}
SHAPING = {
    "CenterCrop": (IMAGE, lambda: L.CenterCrop(8, 8)),
    "Cropping1D": (SERIES, lambda: L.Cropping1D(1)),
    "Cropping2D": (IMAGE, lambda: L.Cropping2D(1)),
    "Cropping3D": (VOLUME, lambda: L.Cropping3D(1)),
    "Flatten": (IMAGE, L.Flatten),
    "Permute": (IMAGE, lambda: L.Permute((3, 1, 2))),
    "RepeatVector": (VECTOR, lambda: L.RepeatVector(4)),
    "Reshape": (IMAGE, lambda: L.Reshape((36, 32))),
    "Resizing": (IMAGE, lambda: L.Resizing(24, 24)),
    "UpSampling1D": (SERIES, lambda: L.UpSampling1D(2)),
    "UpSampling2D": (IMAGE, lambda: L.UpSampling2D(2)),
    "UpSampling2D, bilinear": (IMAGE, lambda: L.UpSampling2D(2, interpolation="bilinear")),
    "UpSampling3D": (VOLUME, lambda: L.UpSampling3D(2)),
    "ZeroPadding1D": (SERIES, lambda: L.ZeroPadding1D(1)),
    "ZeroPadding2D": (IMAGE, lambda: L.ZeroPadding2D(1)),
    "ZeroPadding3D": (VOLUME, lambda: L.ZeroPadding3D(1)),
}
RECURRENT = {
    "Bidirectional": (SERIES, lambda: L.Bidirectional(L.LSTM(8))),
    "ConvLSTM1D": ((4, 8, 3), lambda: L.ConvLSTM1D(4, 3)),
    "ConvLSTM2D": ((4, 8, 8, 3), lambda: L.ConvLSTM2D(4, 3)),
    "GRU": (SERIES, lambda: L.GRU(8)),
    "LSTM": (SERIES, lambda: L.LSTM(8)),
    "LSTM, 100 steps": ((100, 8), lambda: L.LSTM(8)),
    "SimpleRNN": (SERIES, lambda: L.SimpleRNN(8)),
    "TimeDistributed": (SERIES, lambda: L.TimeDistributed(L.Dense(4))),
}
OTHER = {
    "Dense": (VECTOR, lambda: L.Dense(8)),
    "Discretization": (VECTOR, lambda: L.Discretization([-1.0, 0.0, 1.0])),
    "Dropout": (VECTOR, lambda: L.Dropout(0.5)),
    "ELU": (IMAGE, L.ELU),
    "Embedding": (VECTOR, lambda: L.Embedding(50, 8)),
    "EinsumDense": (SERIES, lambda: L.EinsumDense("abc,cd->abd", (16, 8), bias_axes="d")),
    "GaussianNoise": (VECTOR, lambda: L.GaussianNoise(0.5)),
    "LeakyReLU": (IMAGE, lambda: L.LeakyReLU(0.1)),
    "MelSpectrogram": ((4000,), lambda: L.MelSpectrogram(256, 128, sampling_rate=8000, num_mel_bins=32)),
    "Normalization": (VECTOR, lambda: L.Normalization(mean=0.5, variance=2.0)),
    "PReLU": (IMAGE, lambda: L.PReLU("uniform", shared_axes=[1, 2])),
    "ReLU, maximum 6": (IMAGE, lambda: L.ReLU(6.0)),
    "Rescaling": (IMAGE, lambda: L.Rescaling(1 / 127.5, -1.0)),
    "STFTSpectrogram": ((4000, 1), lambda: L.STFTSpectrogram("magnitude", 256, 128)),
    "Softmax": (SERIES, L.Softmax),
    "SpatialDropout2D": (IMAGE, lambda: L.SpatialDropout2D(0.5)),
}
MERGING = {
    name: (IMAGE, IMAGE)
    for name in ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]
}
MERGING |= {"Dot": (SERIES, SERIES), "Attention": (SERIES, SERIES), "AdditiveAttention": (SERIES, SERIES)}
ATTENTION = {
    "GroupQueryAttention": lambda: L.GroupQueryAttention(4, 4, 2),
    "MultiHeadAttention": lambda: L.MultiHeadAttention(2, 4),
}
NAMES = [
    *CONVOLUTIONS,
    *POOLING,
    *NORMALIZATIONS,
    *(f"Activation, {name}" for name in ACTIVATIONS),
    *MERGING,
    *SHAPING,
    *ATTENTION,
    *RECURRENT,
    *OTHER,
]


def model_of(name, samples):
    """`(model, data)`: a model of the layer, and a dict of `samples` inputs from a normal distribution.

    A layer without a kernel of its own stands behind one of 1 by 1, so that every precision has weights to store.
    """
    shapes, apply = _entry(name)
    dtype = "int32" if name == "Embedding" else "float32"
    inputs = [keras.Input(shape, name=f"input{i}", dtype=dtype) for i, shape in enumerate(shapes)]
    output = apply(*inputs)
    if not any(len(weight.shape) > 1 for weight in keras.Model(inputs, output).weights):
        output = apply(*map(_projected, inputs))
    model = keras.Model(inputs, output, name=re.sub(r"\W+", "_", name).lower())
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        if not np.asarray(weight).any():
            weight.assign(rng.normal(scale=0.1, size=weight.shape))
    scale = 10.0 if dtype == "int32" else 1.0
    rows = {x.name: rng.normal(scale=scale, size=(samples, *x.shape[1:])) for x in inputs}
    return model, {
        key: (abs(values) if dtype == "int32" else values).astype(dtype) for key, values in rows.items()
    }


def _projected(x):
    channels = x.shape[-1]
    return L.Conv2D(channels, 1)(x) if len(x.shape) == 4 else L.Dense(channels)(x)


def _entry(name):
    """The shapes of a layer's inputs, and the function from these to its output."""
    for table in (CONVOLUTIONS, POOLING, SHAPING, RECURRENT, OTHER):
        if name in table:
            shape, make = table[name]
            return [shape], make()
    if name in NORMALIZATIONS:
        return [IMAGE], NORMALIZATIONS[name]()
    if name in ATTENTION:
        layer = ATTENTION[name]()
        return [SERIES], lambda x: layer(x, x)
    if name in MERGING:
        layer = L.Dot(2) if name == "Dot" else getattr(L, name)()
        return MERGING[name], lambda *tensors: layer(list(tensors))
    return [IMAGE], L.Activation(name.removeprefix("Activation, "))
