"""Nearest upsampling against `numpy.repeat`."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.resize import NearestUpsampling2D

SMALL = st.integers(1, 6)


def repeated(images, factor, axis=1):
    return images.repeat(factor[0], axis=axis).repeat(factor[1], axis=axis + 1)


@settings(max_examples=30, deadline=None)
@given(
    height=SMALL,
    width=SMALL,
    factor=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    channels_first=st.booleans(),
)
def test_equals_repeat(height, width, factor, channels_first):
    shape = (2, 3, height, width) if channels_first else (2, height, width, 3)
    data_format = "channels_first" if channels_first else "channels_last"
    images = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = NearestUpsampling2D(factor, data_format=data_format)
    expected = repeated(images, factor, axis=2 if channels_first else 1)
    np.testing.assert_array_equal(layer(images), expected)
    assert layer.compute_output_shape(shape) == expected.shape


def test_equals_upsampling2d():
    images = np.random.default_rng(0).normal(size=(1, 5, 4, 2)).astype("float32")
    np.testing.assert_array_equal(NearestUpsampling2D(3)(images), keras.layers.UpSampling2D(3)(images))


def test_sizes_known_only_at_run_time():
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, NearestUpsampling2D((2, 3))(inputs))
    assert model.output_shape == (None, None, None, 1)
    for height, width in [(2, 3), (5, 1)]:
        images = np.random.default_rng(0).normal(size=(2, height, width, 1)).astype("float32")
        np.testing.assert_array_equal(model.predict(images, verbose=0), repeated(images, (2, 3)))


def test_config_round_trip():
    layer = NearestUpsampling2D((2, 3), data_format="channels_first", name="up")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, NearestUpsampling2D)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("factor", [0, -1, 1.5, (2,), (1, 2, 3), "2", None])
def test_refuses_factors(factor):
    with pytest.raises(ValueError, match="factor="):
        NearestUpsampling2D(factor)


def test_refuses_other_ranks():
    with pytest.raises(ValueError):
        NearestUpsampling2D(2)(np.zeros((2, 4, 4), "float32"))


def operators_of(model, folder):
    """The operators of the float file that the converter makes of `model` with a batch of 1."""
    tf = pytest.importorskip("tensorflow")
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    archive = keras.export.ExportArchive()
    archive.track(model)
    shape = (1, *model.input_shape[1:])
    archive.add_endpoint("serve", model.__call__, [tf.TensorSpec(shape, tf.float32)])
    archive.write_out(folder, verbose=False)
    file = tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()
    interpreter = litert.Interpreter(
        model_content=file,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    return [operator["op_name"] for operator in interpreter._get_ops_details()]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_is_one_operator_on_the_edge(tmp_path):
    """One where Keras's own layer needs several, which is why this layer exists."""
    ours = keras.Sequential([keras.Input((4, 5, 3)), NearestUpsampling2D(2)])
    theirs = keras.Sequential([keras.Input((4, 5, 3)), keras.layers.UpSampling2D(2)])
    assert operators_of(ours, tmp_path / "ours") == ["RESIZE_NEAREST_NEIGHBOR"]
    assert operators_of(theirs, tmp_path / "theirs").count("TILE") == 2
