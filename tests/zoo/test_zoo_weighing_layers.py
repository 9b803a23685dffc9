"""What attention, capsules, masking, normalisation and sampling promise alike: dtype, format, disk, edge."""

import inspect

import keras
import numpy as np
import pytest

import export
from zoo.layers.attention import ChannelAttention, SpatialAttention, TemporalAttention
from zoo.layers.capsules import CapsuleLengths, PrimaryCapsules, RoutingCapsules
from zoo.layers.global_response import GlobalResponseNormalization
from zoo.layers.patch_masking import PatchMasking
from zoo.layers.spatial_transformer import SpatialTransformer

IMAGE, CAPSULES, SERIES, MAP = (9, 8, 4), (12, 6), (7, 5), (6,)

# Layer, arguments, shapes of the inputs without the batch axis.
LAYERS = [
    (CapsuleLengths, {"as_logits": True}, [CAPSULES]),
    (ChannelAttention, {"ratio": 2, "use_max": True}, [IMAGE]),
    (ChannelAttention, {"ratio": 2}, [IMAGE]),
    (GlobalResponseNormalization, {"epsilon": 1e-5}, [IMAGE]),
    (PatchMasking, {"patch_size": (3, 2), "ratio": 0.5, "seed": 3}, [IMAGE]),
    (PrimaryCapsules, {"capsules": 3, "dimension": 4, "kernel_size": (3, 2), "padding": "same"}, [IMAGE]),
    (RoutingCapsules, {"capsules": 3, "dimension": 4, "kernel_initializer": "he_normal"}, [CAPSULES]),
    (RoutingCapsules, {"capsules": 3, "dimension": 4, "iterations": 2}, [CAPSULES]),
    (SpatialAttention, {"kernel_size": (3, 5)}, [IMAGE]),
    (SpatialTransformer, {"output_size": (5, 6)}, [IMAGE, MAP]),
    (SpatialTransformer, {}, [IMAGE, MAP]),
    (TemporalAttention, {"units": 4}, [SERIES]),
]
WITH_FORMAT = [case for case in LAYERS if "data_format" in case[0](**case[1]).get_config()]


def named(case):
    return case[0].__name__


def inputs_for(shapes, count=2):
    """Images and vectors in [0, 1]; affine maps around the identity."""
    rng = np.random.default_rng(0)
    inputs = [rng.random((count, *shape), dtype="float32") for shape in shapes]
    return [0.4 * (x - 0.5) + np.float32([1, 0, 0, 0, 1, 0]) if x.ndim == 2 else x for x in inputs]


def randomised(layer, inputs):
    """The layer with weights none of which is zero, as some start."""
    layer(*inputs)
    rng = np.random.default_rng(1)
    weights = (rng.normal(size=weight.shape) for weight in layer.trainable_weights)
    for variable, value in zip(layer.trainable_weights, weights, strict=True):
        variable.assign(value / max(1, value.shape[0]) ** 0.5)
    return layer


def array(tensor):
    return np.asarray(keras.ops.cast(tensor, "float32"))


@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_shape_is_as_computed(case):
    layer, inputs = case[0](**case[1]), inputs_for(case[2])
    outputs = layer(*inputs)
    assert layer.compute_output_shape(*(x.shape for x in inputs)) == tuple(outputs.shape)
    symbolic = [keras.Input(shape) for shape in case[2]]
    assert layer(*symbolic).shape == (None, *outputs.shape[1:])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_dtype_follows_the_policy(case, policy, training):
    layer, inputs = case[0](**case[1], dtype=policy), inputs_for(case[2])
    takes = {"training": training} if "training" in inspect.signature(layer.call).parameters else {}
    outputs = layer(*inputs, **takes)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert {weight.dtype for weight in layer.trainable_weights} <= {layer.variable_dtype}
    assert np.isfinite(array(outputs)).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_mixed_precision_is_close(case, policy):
    inputs = inputs_for(case[2])
    layer, low = randomised(case[0](**case[1]), inputs), case[0](**case[1], dtype=policy)
    expected = array(layer(*inputs))
    low(*inputs)
    low.set_weights(layer.get_weights())
    tolerance = (0.04 if policy == "mixed_bfloat16" else 0.005) * np.abs(expected).max()
    np.testing.assert_allclose(array(low(*inputs)), expected, atol=tolerance)


@pytest.mark.parametrize("case", WITH_FORMAT, ids=named)
def test_channels_first_is_the_transposed(case):
    if keras.backend.backend() == "tensorflow" and case[0] in (PrimaryCapsules, SpatialAttention):
        pytest.skip("TensorFlow has no convolution with channels first on a CPU")
    inputs = inputs_for(case[2])
    last = randomised(case[0](**case[1], data_format="channels_last"), inputs)
    first = case[0](**case[1], data_format="channels_first")
    expected = array(last(*inputs))
    turned = [np.moveaxis(x, -1, 1) for x in inputs]
    first(*turned)
    for variable, value in zip(first.weights, last.weights, strict=True):
        variable.assign(np.reshape(value, variable.shape))
    outputs = array(first(*turned))
    expected = np.moveaxis(expected, -1, 1) if expected.ndim == 4 else expected
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert first.compute_output_shape(*(x.shape for x in turned)) == outputs.shape
    shapes = [
        [x.shape[1:] for x in (inputs[0], np.moveaxis(expected, 1, -1))],
        [turned[0].shape[1:], outputs.shape[1:]],
    ]
    if hasattr(last, "macs") and expected.ndim == 4:
        assert last.macs(*shapes[0]) == first.macs(*shapes[1])


@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_config_round_trip(case):
    layer = case[0](**case[1], name="layer")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_save_and_load(case, tmp_path):
    inputs = [keras.Input(shape) for shape in case[2]]
    model = keras.Model(inputs, case[0](**case[1])(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    batch = inputs_for(case[2])
    np.testing.assert_array_equal(array(loaded(batch)), array(model(batch)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_is_builtin_operators_on_the_edge(case):
    inputs = [keras.Input(shape, name=f"input{i}") for i, shape in enumerate(case[2])]
    data = inputs_for(case[2], count=24)
    layer = randomised(case[0](**case[1]), data)
    outputs = layer(*inputs)
    if case[0] is PatchMasking:
        outputs = keras.layers.Conv2D(2, 3)(outputs)  # nothing is left of the layer itself
    model = keras.Model(inputs, outputs)
    batch = {f"input{i}": x for i, x in enumerate(data)}
    files = export.convert(model, ("float32", "int8"), calibration=[batch])
    for precision, content in files.items():
        report = export.verify(model, content, [batch], precision=precision)
        assert report.passed, report.problems
        contents = export.inspect(content)
        assert not contents.flex
        assert not contents.custom
    assert not contents.float_tensors
    if case[0] is SpatialTransformer:
        # Coordinates that were rounded to 8 bits would cost three times as much.
        assert report.agreements[0].rms_error < 0.1
