"""Channels whose weights are all zero keep their bias in integer files."""

import keras
import numpy as np
import pytest

import export

INTEGERS = ("int8", "int16x8")


def dense(zeros):
    return (6,), keras.layers.Dense(4, name="layer"), (slice(None), zeros)


def convolution(zeros):
    return (5, 5, 3), keras.layers.Conv2D(4, 3, name="layer"), (..., zeros)


def depthwise(zeros):
    return (5, 5, 4), keras.layers.DepthwiseConv2D(3, name="layer"), (..., zeros, slice(None))


def transposed(zeros):
    layer = keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same", name="layer")
    return (3, 3, 2), layer, (..., zeros, slice(None))


@pytest.mark.parametrize("zeros", [[1, 3], [0, 1, 2, 3]], ids=["some", "all"])
@pytest.mark.parametrize("make", [dense, convolution, depthwise, transposed])
@pytest.mark.parametrize("precision", INTEGERS)
def test_bias_is_kept(chain, precision, make, zeros):
    shape, layer, where = make(zeros)
    model = chain(shape, layer)
    kernel, bias = (np.array(values) for values in layer.get_weights())
    kernel[where], bias[:] = 0, [0.5, -1.25, 0.0, 2.0]
    layer.set_weights([kernel, bias])
    samples = np.random.default_rng(0).normal(size=(32, *shape)).astype("float32")
    predict = export.load(export.to_tflite(model, precision, [samples]))
    (output,) = predict.contents.signatures["serving_default"].outputs
    error = np.abs(predict(samples) - model.predict(samples, verbose=0)).reshape(-1, 4)
    assert error[:, zeros].max() <= output.scale
    assert error.max() <= 0.05


def test_products_with_a_constant_matrix_stay_right_in_int16():
    """Its kernel would read the int8 weights as int16, and give zeros."""
    image = keras.Input((3, 4))
    matrix = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
    per_row = keras.ops.matmul(keras.ops.expand_dims(image, 2), matrix)
    model = keras.Model(image, keras.layers.Conv1D(2, 1)(keras.ops.squeeze(per_row, 2)))
    samples = np.random.default_rng(1).normal(size=(32, 3, 4)).astype("float32")
    content = export.to_tflite(model, "int16x8", [samples])
    assert export.verify(model, content, [samples], precision="int16x8").passed
