"""Every layer of the zoo is made of builtin operators on the edge, in float32 and in integers throughout."""

import keras
import numpy as np
import pytest

import export
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

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")

IMAGE, VECTOR = (8, 8, 4), (4,)

# A layer with the shape of its input, and operators that the float file must be made of if they are told.
ALONE = {
    "blur": (BlurPool2D(), IMAGE, {"DEPTHWISE_CONV_2D": 1}),
    "max blur": (MaxBlurPool2D(), IMAGE, {"DEPTHWISE_CONV_2D": 1, "MAX_POOL_2D": 1}),
    "mirrored blur": (BlurPool2D(padding="reflect"), IMAGE, {"DEPTHWISE_CONV_2D": 1, "MIRROR_PAD": 1}),
    "channels": (ChannelMaxPooling(2), IMAGE, {"MAX_POOL_2D": 1, "RESHAPE": 2}),
    "DropConnect": (DropConnectDense(5), VECTOR, {"FULLY_CONNECTED": 1}),
    "DropConnect convolution": (DropConnectConv2D(5, 3, activation="relu"), IMAGE, {"CONV_2D": 1}),
    "step": (Heaviside(), VECTOR, None),
    "L2": (L2Pooling2D(3, 2, "same"), IMAGE, None),
    "locally connected series": (LocallyConnected1D(4, 3), (12, 5), None),
    "locally connected": (LocallyConnected2D(8, 3, 2, "same", activation="relu"), IMAGE, None),
    "maxout": (Maxout(4, 3), VECTOR, {"FULLY_CONNECTED": 1, "MAX_POOL_2D": 1, "RESHAPE": 2}),
    "maxout convolution": (MaxoutConv2D(4, 3), IMAGE, {"CONV_2D": 1, "MAX_POOL_2D": 1, "RESHAPE": 2}),
    "dilations": (
        MultiDilationConv2D(8, 3, (1, 2, 3), activation="relu"),
        IMAGE,
        {"CONCATENATION": 1, "CONV_2D": 3},
    ),
    "Gaussian": (RadialBasis(6, "gaussian"), VECTOR, None),
    "multiquadric": (RadialBasis(6, "multiquadric"), VECTOR, None),
    "inverse multiquadric": (RadialBasis(6, "inverse_multiquadric"), VECTOR, None),
    "thin plate": (RadialBasis(6, "polyharmonic_spline", 2), VECTOR, None),
    "cubic spline": (RadialBasis(6, "polyharmonic_spline", 3), VECTOR, None),
    "stochastic": (StochasticPooling2D(2), IMAGE, None),
    "copying": (MaxUnpooling2D(2, places="all"), IMAGE, {"RESIZE_NEAREST_NEIGHBOR": 1}),
    "overlapping copies": (MaxUnpooling2D(3, 2, places="all"), IMAGE, None),
}


def values(*shape):
    return np.random.default_rng(0).uniform(-0.5, 1, size=(24, *shape)).astype("float32")


def check(model, data, operators=None):
    files = export.convert(model, ("float32", "int8"), calibration=[data])
    for precision, content in files.items():
        report = export.verify(model, content, [data], precision=precision)
        assert report.passed, report.problems
        contents = export.inspect(content)
        assert not contents.flex
        assert not contents.custom
    assert not contents.float_tensors
    if operators:
        assert dict(export.inspect(files["float32"]).operators) == operators
    return files


@pytest.mark.parametrize("name", ALONE)
def test_layer(name):
    layer, shape, operators = ALONE[name]
    layer = type(layer).from_config(layer.get_config())
    inputs = keras.Input(shape, name="inputs")
    check(keras.Model(inputs, layer(inputs)), values(*shape), operators)


@pytest.mark.parametrize("given", [(2,), (3, 2, "same")], ids=["side by side", "overlapping"])
def test_unpooling_by_positions(given):
    """In 8 bits two values that were different may share the maximum, so only most places agree."""
    image = keras.Input(IMAGE, name="inputs")
    pooled = keras.layers.MaxPooling2D(*given)(image)
    model = keras.Model(image, MaxUnpooling2D(*given)(pooled, image))
    images = values(*IMAGE)
    files = check(model, images)
    exact, integers = (export.load(files[name])(images) for name in ("float32", "int8"))
    assert np.mean((exact != 0) == (np.abs(integers) > 0.02)) > 0.97


def test_regions():
    maps, rectangles = keras.Input((8, 10, 4), name="maps"), keras.Input((3, 4), name="rectangles")
    model = keras.Model([maps, rectangles], ROIPooling((2, 3))(maps, rectangles))
    corners = np.random.default_rng(1).random((24, 3, 2, 2), dtype="float32")
    corners.sort(axis=2)
    check(model, {"maps": values(8, 10, 4), "rectangles": corners.reshape(24, 3, 4)})
