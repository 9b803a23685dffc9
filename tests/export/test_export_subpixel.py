"""Transposed convolutions of few channels are written as convolutions, and compute the same."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import export
from export import flatbuffer, subpixel


def transposed(images, weights, stride):
    """A transposed convolution with `same` padding, pixel by pixel, after its definition."""
    n, height, width, _ = images.shape
    channels, size = weights.shape[:2]
    before = max(size - stride, 0) // 2
    full = np.zeros((n, height * stride + 2 * size, width * stride + 2 * size, channels))
    for y in range(height):
        for x in range(width):
            spread = np.einsum("ni,cyxi->nyxc", images[:, y, x], weights)
            full[:, y * stride + size :, x * stride + size :][:, :size, :size] += spread
    start = size + before
    return full[:, start : start + height * stride, start : start + width * stride]


def convolved(images, kernel, stride):
    """The sub-pixel convolution of the kernel, pixel by pixel."""
    n, height, width, _ = images.shape
    reach = kernel.shape[1] // 2
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    output = np.zeros((n, height * stride, width * stride, len(kernel) // stride**2))
    for y in range(height):
        for x in range(width):
            window = padded[:, y : y + 2 * reach + 1, x : x + 2 * reach + 1]
            phases = np.einsum("nyxi,cyxi->nc", window, kernel).reshape(n, stride, stride, -1)
            output[:, y * stride : (y + 1) * stride, x * stride : (x + 1) * stride] = phases
    return output


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 7), stride=st.integers(2, 4), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_kernel_computes_the_transposed_convolution(size, stride, channels, seed):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(2, 4, 5, 2))
    weights = rng.normal(size=(channels, size, size, 2)).astype("float32")
    kernel = subpixel.subpixel_kernel(weights, stride)
    np.testing.assert_allclose(
        convolved(images, kernel, stride), transposed(images, weights, stride), atol=1e-5
    )


def upscaled(channels, **options):
    image = keras.Input((5, 7, 6))
    x = layers.Conv2DTranspose(channels, 4, padding="same", bias_initializer="normal", **options)(image)
    return keras.Model(image, x)


@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("precision", export.PRECISIONS)
def test_files_agree_with_keras(precision, activation):
    model = upscaled(3, strides=2, activation=activation)
    images = np.random.default_rng(0).normal(size=(16, 5, 7, 6)).astype("float32")
    content = export.to_tflite(model, precision, calibration=[images])
    contents = export.inspect(content)
    if precision == "int16x8":
        assert dict(contents.operators) == {"TRANSPOSE_CONV": 1}
        assert not contents.float_tensors
    else:
        assert contents.operators["CONV_2D"] == contents.operators["DEPTH_TO_SPACE"] == 1
        assert "TRANSPOSE_CONV" not in contents.operators
    assert export.verify(model, content, [images], precision=precision).passed


@pytest.mark.parametrize(("size", "widest"), [(2, 1), (3, 3), (4, 3), (5, 3), (6, 3), (7, 5)])
def test_no_offset_is_all_zeros(size, widest):
    kernel = subpixel.subpixel_kernel(np.ones((1, size, size, 1), np.float32), 2)
    assert kernel.shape[1:3] == (widest, widest)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_kernel_as_large_as_the_stride_is_rewritten_at_any_width(chain, precision, padding):
    up = layers.Conv2DTranspose(24, 2, strides=2, padding=padding, bias_initializer="normal")
    model, images = chain((5, 7, 6), up), np.random.default_rng(0).normal(size=(16, 5, 7, 6))
    content = export.to_tflite(model, precision, calibration=[images.astype("float32")])
    assert dict(export.inspect(content).operators) == {"CONV_2D": 1, "DEPTH_TO_SPACE": 1}
    assert export.verify(model, content, [images.astype("float32")], precision=precision).passed


@pytest.mark.parametrize(
    "options", [{"strides": 1}, {"strides": (1, 2)}, {"strides": 2, "channels": subpixel.CHANNELS + 1}]
)
def test_others_stay(options):
    model = upscaled(**{"channels": 1, **options})
    assert "DEPTH_TO_SPACE" not in export.inspect(export.to_tflite(model)).operators


def test_signatures_go_on_sharing_the_kernel():
    """A decoder that is in the file by itself and in the whole takes its weights once."""
    decoder = upscaled(8, strides=2)
    image = keras.Input((5, 7, 6))
    whole = keras.Model(image, decoder(layers.Conv2D(6, 1)(image)))
    both = export.to_tflite(whole, signatures={"whole": whole, "decode": decoder})
    assert len(both) < len(export.to_tflite(whole)) + 4 * 9 * 6 * 32


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_the_kernel_that_was_rewritten_is_gone(precision):
    model = flatbuffer.parse(export.to_tflite(upscaled(8, strides=2), precision=precision))
    for graph in model.subgraphs:
        read = {int(i) for operator in graph.operators for i in operator.inputs}
        unread = [t for i, t in enumerate(graph.tensors) if i not in read]
        assert not [t.name for t in unread if flatbuffer.constant(model, t) is not None]
