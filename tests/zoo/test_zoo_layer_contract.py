"""What every layer of the zoo promises: its shape, its dtype, its formats and its way to disk and back."""

import inspect

import keras
import numpy as np
import pytest

from zoo.layers.blur import BlurPool2D, MaxBlurPool2D
from zoo.layers.channel_pooling import ChannelMaxPooling
from zoo.layers.drop_connect import DropConnectConv2D, DropConnectDense
from zoo.layers.heaviside import Heaviside
from zoo.layers.l2_pooling import L2Pooling2D
from zoo.layers.locally_connected import LocallyConnected1D, LocallyConnected2D
from zoo.layers.maxout import Maxout, MaxoutConv2D
from zoo.layers.multi_dilation import MultiDilationConv2D
from zoo.layers.radial import RadialBasis
from zoo.layers.roi_pooling import ROIPooling
from zoo.layers.stochastic_pooling import StochasticPooling2D
from zoo.layers.unpooling import MaxUnpooling2D

IMAGE, VECTOR, SERIES = (9, 8, 4), (6,), (9, 4)
OVERLAPPING = {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}

# Layer, arguments, shapes of the inputs without the batch axis.
LAYERS = [
    (BlurPool2D, {"strides": (2, 1), "filter_size": 4, "padding": "reflect"}, [IMAGE]),
    (BlurPool2D, {}, [IMAGE]),
    (MaxBlurPool2D, {"pool_size": (3, 2), "strides": 3}, [IMAGE]),
    (ChannelMaxPooling, {"pool_size": 2, "strides": 1}, [IMAGE]),
    (DropConnectConv2D, {"filters": 3, "kernel_size": 3, "rate": 0.3, "seed": 4}, [IMAGE]),
    (DropConnectDense, {"units": 3, "rate": 0.3, "activation": "relu"}, [VECTOR]),
    (Heaviside, {"gradient": "identity"}, [VECTOR]),
    (L2Pooling2D, OVERLAPPING, [IMAGE]),
    (LocallyConnected1D, {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"}, [SERIES]),
    (LocallyConnected2D, {"filters": 3, "kernel_size": (2, 3), "activation": "relu", "strides": 2}, [IMAGE]),
    (Maxout, {"units": 3, "pieces": 3}, [VECTOR]),
    (MaxoutConv2D, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, [IMAGE]),
    (MultiDilationConv2D, {"filters": 5, "kernel_size": 3, "dilation_rates": (1, 2)}, [IMAGE]),
    (MultiDilationConv2D, {"filters": 5, "kernel_size": 2, "padding": "valid", "use_bias": False}, [IMAGE]),
    (RadialBasis, {"units": 3, "kind": "polyharmonic_spline", "order": 3, "width": 2.0}, [VECTOR]),
    (RadialBasis, {"units": 3, "kind": "gaussian"}, [VECTOR]),
    (ROIPooling, {"size": (2, 3)}, [IMAGE, (5, 4)]),
    (StochasticPooling2D, {**OVERLAPPING, "seed": 5}, [IMAGE]),
    (MaxUnpooling2D, OVERLAPPING, [(5, 8, 4), IMAGE]),
    (MaxUnpooling2D, {**OVERLAPPING, "places": "all"}, [(5, 8, 4)]),
]
WITH_FORMAT = [case for case in LAYERS if "data_format" in case[0](**case[1]).get_config()]
POLICIES = ["float32", "mixed_bfloat16", "mixed_float16", "float64"]


def named(case):
    return case[0].__name__


def inputs_for(shapes):
    """In [0, 1]; rectangles have their corners in order."""
    rng = np.random.default_rng(0)
    inputs = [rng.random((2, *shape), dtype="float32") for shape in shapes]
    for i in range(1, len(inputs)):
        if shapes[i][-1] == 4 and len(shapes[i]) == 2:
            inputs[i] = np.sort(inputs[i].reshape(2, -1, 2, 2), axis=2).reshape(inputs[i].shape)
    return inputs


def array(tensor):
    return np.asarray(keras.ops.cast(tensor, "float32"))


@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_shape_is_as_computed(case):
    layer, inputs = case[0](**case[1]), inputs_for(case[2])
    outputs = layer(*inputs)
    assert layer.compute_output_shape(*(x.shape for x in inputs)) == tuple(outputs.shape)
    symbolic = [keras.Input(shape) for shape in case[2]]
    assert layer(*symbolic).shape == (None, *outputs.shape[1:])
    unknown = [(None, *shape) for shape in case[2]]
    assert layer.compute_output_shape(*unknown) == (None, *outputs.shape[1:])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", POLICIES)
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
    layer, low = case[0](**case[1]), case[0](**case[1], dtype=policy)
    inputs = inputs_for(case[2])
    if case[0] in (MaxUnpooling2D, ROIPooling):
        # Positions jump: steps of 1/16, which both precisions hold.
        inputs = [np.round(x * 16) / 16 for x in inputs]
    expected = array(layer(*inputs))
    low(*inputs)
    low.set_weights(layer.get_weights())
    tolerance = (0.03 if policy == "mixed_bfloat16" else 0.004) * np.abs(expected).max()
    np.testing.assert_allclose(array(low(*inputs)), expected, atol=tolerance)


def test_sums_of_squares_do_not_overflow_in_float16():
    large = np.full((1, 2, 2, 1), 400, "float32")
    assert float(L2Pooling2D(2, dtype="mixed_float16")(large)[0, 0, 0, 0]) == pytest.approx(800)
    far = RadialBasis(1, "multiquadric", centers_initializer="zeros", dtype="mixed_float16")
    assert float(far(large[:, 0, :, 0])[0, 0]) == pytest.approx(400 * 2**0.5, rel=1e-3)


@pytest.mark.parametrize("case", WITH_FORMAT, ids=named)
def test_channels_first_is_the_transposed(case):
    last = case[0](**case[1], data_format="channels_last")
    first = case[0](**case[1], data_format="channels_first")
    inputs = inputs_for(case[2])
    expected = array(last(*inputs))
    # Rectangles have no channels.
    turned = [x if x.shape[1:] == (5, 4) and len(inputs) == 2 else np.moveaxis(x, -1, 1) for x in inputs]
    first(*turned)
    first.set_weights(last.get_weights())
    axis = 2 if case[0] is ROIPooling else 1
    np.testing.assert_allclose(array(first(*turned)), np.moveaxis(expected, -1, axis), atol=1e-5)
    assert first.compute_output_shape(*(x.shape for x in turned)) == np.moveaxis(expected, -1, axis).shape


@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_config_round_trip(case):
    layer = case[0](**case[1], name="layer")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
    for name, value in case[1].items():
        assert layer.get_config()[name] in (value, (value,), (value, value))


@pytest.mark.parametrize("case", LAYERS, ids=named)
def test_save_and_load(case, tmp_path):
    inputs = [keras.Input(shape) for shape in case[2]]
    model = keras.Model(inputs, case[0](**case[1])(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    batch = inputs_for(case[2])
    np.testing.assert_array_equal(array(loaded(batch)), array(model(batch)))


@pytest.mark.parametrize(
    ("layer", "given"),
    [
        (BlurPool2D, {"strides": 0}),
        (BlurPool2D, {"filter_size": (3, 3)}),
        (BlurPool2D, {"padding": "valid"}),
        (MaxBlurPool2D, {"pool_size": -1}),
        (ChannelMaxPooling, {"pool_size": 1.5}),
        (L2Pooling2D, {"strides": (1, 2, 3)}),
        (L2Pooling2D, {"padding": "full"}),
        (LocallyConnected1D, {"filters": 2, "kernel_size": (2, 2)}),
        (LocallyConnected2D, {"kernel_size": 2, "filters": 0}),
        (LocallyConnected2D, {"filters": 2, "kernel_size": "3"}),
        (MaxoutConv2D, {"filters": 2, "kernel_size": 3, "padding": "causal"}),
        (MultiDilationConv2D, {"filters": 3, "kernel_size": 3, "dilation_rates": (1, 0)}),
        (ROIPooling, {"size": (2, 2, 2)}),
        (StochasticPooling2D, {"data_format": "nhwc"}),
        (MaxUnpooling2D, {"places": "indices"}),
    ],
)
def test_refuses_arguments(layer, given):
    with pytest.raises(ValueError, match=f"{list(given)[-1]}="):
        layer(**given)
