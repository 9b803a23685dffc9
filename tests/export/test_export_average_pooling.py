"""Means of windows become convolutions in integer files, which XNNPACK takes, and training leaves them alone."""

import keras
import numpy as np
import pytest

import export
from export.quantization import rewriting

L = keras.layers
IMAGES = np.random.default_rng(0).normal(size=(32, 9, 8, 3)).astype("float32")


def pooled(chain, **options):
    """The pooling comes first, so that nothing is fused with it."""
    return chain((9, 8, 3), L.AveragePooling2D(**options), L.Conv2D(4, 1, name="conv"))


@pytest.mark.parametrize(
    "options",
    [
        {"pool_size": 2},
        {"pool_size": (3, 2), "strides": (1, 2)},
        {"pool_size": (3, 4), "strides": (3, 4), "padding": "same"},
    ],
)
def test_a_window_within_the_image_is_a_convolution(chain, options):
    model = pooled(chain, **options)
    content = export.to_tflite(model, "int8", [IMAGES])
    assert dict(export.inspect(content).operators) == {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1}
    assert export.verify(model, content, [IMAGES], precision="int8").passed
    found = export.benchmark(content, runs=1)
    assert (found.partitions, found.undelegated) == (1, {})


def test_padding_does_not_count_and_stays_a_pooling(chain):
    model = pooled(chain, pool_size=3, strides=2, padding="same")
    content = export.to_tflite(model, "int8", [IMAGES])
    assert export.inspect(content).operators["AVERAGE_POOL_2D"] == 1
    assert export.verify(model, content, [IMAGES], precision="int8").passed


def test_the_rewritten_file_computes_the_same(chain):
    content = export.to_tflite(pooled(chain, pool_size=(3, 2), strides=(2, 2)))
    rewritten = rewriting.rewrite(content, rewriting.FOR_INT8)
    assert export.inspect(rewritten).operators["DEPTHWISE_CONV_2D"] == 1
    np.testing.assert_allclose(export.load(rewritten)(IMAGES), export.load(content)(IMAGES), atol=1e-5)


def test_training_with_integers_does_not_change_the_mean(chain):
    model = export.quantization_aware(pooled(chain, pool_size=2), calibration=[IMAGES])
    shapes = [tuple(weight.shape) for weight in model.trainable_weights]
    assert (1, 2, 2, 3) not in shapes
    assert (4, 1, 1, 3) in shapes
