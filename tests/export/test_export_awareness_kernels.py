"""Integer kernels are simulated bit by bit: of normalisation, routing, attention, and of sums with constants."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

import export
from export.awareness import kernels

INPUT = (8, 6, 6)
POSITIONS = INPUT[0] * INPUT[1]


def conv(x, filters=8):
    return layers.Conv2D(filters, 3, padding="same")(x)


def sequence(x, width=8):
    return layers.Reshape((POSITIONS, width))(conv(x, width))


def share(x):
    """Between 0.1 and 1.1."""
    return layers.Activation("sigmoid")(conv(x)) + 0.1


def squash(s):
    square = ops.sum(ops.square(s), axis=-1, keepdims=True)
    shrink = ops.rsqrt(1.0 + square)
    return s * ops.sqrt(square + 1e-7) * shrink * shrink


def routing(x):
    votes = layers.Reshape((4, POSITIONS, 2))(conv(x))
    vector = squash(ops.mean(votes, axis=2, keepdims=True))
    agreement = ops.matmul(votes, ops.swapaxes(vector, 2, 3))
    shares = ops.swapaxes(ops.softmax(agreement, axis=1), 2, 3)
    return squash(ops.matmul(shares, votes))


def global_response(x):
    x = layers.Activation("gelu")(conv(x))
    norm = ops.sqrt(ops.sum(ops.square(x), axis=(1, 2), keepdims=True) + 1e-6)
    return x * (0.4 * norm * ops.rsqrt(ops.square(ops.mean(norm, axis=-1, keepdims=True)) + 1e-6)) + x


def each_place_by_itself(x):
    weights = np.random.default_rng(0).normal(size=(POSITIONS, 8, 4)).astype("float32")
    return ops.matmul(layers.Reshape((POSITIONS, 1, 8))(conv(x)), ops.convert_to_tensor(weights))


BLOCKS = {
    "layer normalisation": lambda x: layers.LayerNormalization()(conv(x)),
    "GELU": lambda x: layers.Activation("gelu")(conv(x)),
    "global response normalisation": global_response,
    "squash": lambda x: squash(layers.Reshape((POSITIONS, 8))(conv(x))),
    "routing": routing,
    "attention": lambda x: layers.MultiHeadAttention(2, 4)(sequence(x), sequence(x)),
    "product with constants": each_place_by_itself,
    "inverse root": lambda x: ops.rsqrt(share(x)),
    "sum": lambda x: ops.sum(conv(x), axis=(1, 2)),
    "mean of channels": lambda x: ops.mean(conv(x), axis=-1),
    "magnitude": lambda x: ops.abs(conv(x)),
    "ReLU behind pooling": lambda x: layers.ReLU()(layers.MaxPooling2D()(x)),
    "leaky ReLU": lambda x: layers.LeakyReLU(0.2)(conv(x)),
    "PReLU": lambda x: layers.PReLU(shared_axes=(1, 2))(conv(x)),
    "ELU": lambda x: layers.ELU()(conv(x)),
    "constant and what is subtracted": lambda x: layers.ReLU()(0.7 - conv(x)),
    "two scales joined": lambda x: layers.Concatenate()([layers.Activation("sigmoid")(conv(x)), conv(x)]),
    "dense without bias": lambda x: layers.Dense(10, use_bias=False)(layers.Flatten()(x)),
}


def block(build):
    """A model of one block whose offsets and factors are not those it begins with."""
    keras.utils.set_random_seed(1)
    image = keras.Input(INPUT, name="image")
    model = keras.Model(image, build(image), name="block")
    rng = np.random.default_rng(1)
    for variable in model.variables:
        if variable.path.endswith(("alpha", "beta", "bias", "gamma")):
            variable.assign_add(rng.normal(0, 0.3, variable.shape))
    return model


def images(count, seed=0):
    return np.random.default_rng(seed).normal(0.2, 1.0, (count, *INPUT)).astype("float32")


@pytest.mark.filterwarnings("ignore:.*any trainable weights.*:UserWarning")
@pytest.mark.parametrize("build", BLOCKS.values(), ids=BLOCKS)
def test_the_file_of_a_trained_block_does_what_was_simulated(build):
    model, x = block(build), images(32)
    aware = export.quantization_aware(model, calibration=[x])
    aware.compile(keras.optimizers.Adam(1e-3), "mse", run_eagerly=True)
    aware.train_on_batch(x, np.asarray(model(x)) + 0.1)
    found = export.simulation(aware, export.to_tflite(aware, "int8"), [images(48, seed=2)])
    assert found.largest <= 1
    assert found.exact >= 0.995


@settings(max_examples=60, deadline=None)
@given(
    totals=st.lists(st.integers(-(2**15), 2**15), min_size=1, max_size=50),
    ratio=st.floats(2**-12, 8, width=32),
)
def test_products_are_scaled_as_with_integers_of_64_bits(totals, ratio):
    """Multiplier and shift as gemmlowp defines them: both round, the shift a half away from zero."""
    fraction, exponent = math.frexp(np.float32(ratio))
    factor, left, right = round(fraction * 2**31), 2 ** max(exponent, 0), 2 ** max(-exponent, 0)
    expected = []
    for total in totals:
        first = (total * left * factor + 2**30) >> 31
        expected.append(int(math.copysign((2 * abs(first) + right) // (2 * right), first)))
    one = np.float32(1.0)
    found = kernels.multiplied(np.array(totals, "float32"), one / np.float32(ratio), one, one)
    # Float32 has 24 bits of the 31: it may err where the first rounding is close to a half.
    distance = np.abs(np.asarray(found) - expected)
    assert distance.max() <= max(1, 2**-23 * np.abs(expected).max())
    assert np.mean(distance > 0) <= 0.05 or len(totals) < 20


@settings(max_examples=60, deadline=None)
@given(ratio=st.floats(2**-20, 2**20, width=32, allow_subnormal=False))
def test_powers_of_two_are_exact(ratio):
    exponent = kernels._exponent(np.float32(ratio))
    assert int(exponent) == math.frexp(ratio)[1] - 1
    assert float(kernels._power(exponent)) == 2.0 ** int(exponent)
