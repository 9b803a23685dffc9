"""Channel shuffling and splitting against NumPy, and in an int8 file."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from zoo.layers.channel_shuffle import ChannelShuffle, ChannelSplit


def images(shape, n=1, seed=0):
    return np.random.default_rng(seed).random((n, *shape), dtype="float32")


@settings(max_examples=25, deadline=None)
@given(
    groups=st.integers(1, 5),
    share=st.integers(1, 4),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    channels_first=st.booleans(),
)
def test_shuffle_and_split_against_numpy(groups, share, height, width, channels_first):
    data_format, axis = ("channels_first", 1) if channels_first else ("channels_last", 3)
    x = np.random.default_rng(0).normal(size=(2, height, width, groups * share)).astype("float32")
    dealt = np.stack(np.split(x, groups, axis=3), axis=4).reshape(x.shape)
    shuffle, split = ChannelShuffle(groups, data_format), ChannelSplit(groups, data_format)
    x, dealt = np.moveaxis(x, 3, axis), np.moveaxis(dealt, 3, axis)
    np.testing.assert_array_equal(shuffle(x), dealt)
    assert shuffle.compute_output_shape(x.shape) == x.shape
    parts = np.split(x, groups, axis=axis)
    for ours, theirs in zip(split(x), parts, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert split.compute_output_shape(x.shape) == [part.shape for part in parts]


@pytest.mark.parametrize("layer", [ChannelShuffle, ChannelSplit])
@pytest.mark.parametrize("groups", [0, -2, 1.5, "2", None])
def test_shuffle_and_split_refuse(layer, groups):
    with pytest.raises(ValueError, match="groups="):
        layer(groups)
    with pytest.raises(ValueError, match="groups=3 do not divide the 8 channels"):
        layer(3)(np.zeros((1, 2, 2, 8), "float32"))


@pytest.mark.parametrize("layer", [ChannelShuffle, ChannelSplit])
def test_shuffle_and_split_round_trip(layer):
    made = layer(4, data_format="channels_first", name="mixed")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert isinstance(copy, layer)
    assert copy.get_config() == made.get_config()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_shuffle_and_split_keep_the_compute_type(policy):
    x = keras.ops.cast(np.ones((1, 2, 2, 4)), policy.removeprefix("mixed_"))
    outputs = [ChannelShuffle(2, dtype=policy)(x), *ChannelSplit(2, dtype=policy)(x)]
    assert {keras.backend.standardize_dtype(y.dtype) for y in outputs} == {policy.removeprefix("mixed_")}


def test_shuffle_takes_sizes_known_only_at_run_time():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, ChannelShuffle(2)(inputs))
    assert model.output_shape == (None, None, None, 4)
    x = images((3, 5, 4), n=2)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x[..., [0, 2, 1, 3]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_shuffle_is_exact_in_integers():
    """Nothing is computed, so no value moves: quantised input and output hold the same numbers."""
    inputs = keras.Input((4, 4, 6))
    model = keras.Model(inputs, ChannelShuffle(3)(inputs))
    x = images((4, 4, 6), n=8)
    content = export.to_tflite(model, precision="int8", calibration=[x])
    contents = export.inspect(content)
    assert contents.float_tensors == ()
    (signature,) = contents.signatures.values()
    (taken,), (given_back,) = signature.inputs, signature.outputs
    assert (taken.scale, taken.zero_point) == (given_back.scale, given_back.zero_point)
    stored = np.clip(np.round(x / taken.scale) + taken.zero_point, -128, 127)
    order = np.arange(6).reshape(3, 2).T.ravel()
    expected = (stored[..., order] - taken.zero_point) * taken.scale
    np.testing.assert_allclose(export.load(content)(x), expected, rtol=1e-6)
