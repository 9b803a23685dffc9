"""The noises of denoising autoencoders: what they hit, how often, and that they rest at inference."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from zoo.layers.corruption import AnyNoise, MaskingNoise, SaltAndPepperNoise

NOISES = [MaskingNoise, SaltAndPepperNoise, AnyNoise]
GREY = np.random.default_rng(0).uniform(0.2, 0.8, (400, 8, 8, 1)).astype("float32")  # no pixel is 0 or 1


def deviation(rate, count):
    return np.sqrt(rate * (1 - rate) / count)


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    level=st.floats(0, 0.99),
    noise=st.sampled_from(NOISES),
)
@settings(max_examples=15, deadline=None)
def test_inference_and_level_zero_hand_the_input_on(shape, level, noise):
    inputs = np.random.default_rng(1).random(shape, dtype="float32")
    np.testing.assert_array_equal(noise(level)(inputs), inputs)
    np.testing.assert_array_equal(noise(0.0)(inputs, training=True), inputs)


@pytest.mark.parametrize("level", [0.1, 0.25, 0.6])
def test_masking_loses_values_and_keeps_the_others_as_they_are(level):
    outputs = np.asarray(MaskingNoise(level, seed=1)(GREY, training=True))
    lost = outputs == 0
    np.testing.assert_array_equal(outputs[~lost], GREY[~lost])
    assert abs(lost.mean() - level) < 5 * deviation(level, GREY.size)


@pytest.mark.parametrize("level", [0.1, 0.25, 0.6])
def test_salt_and_pepper_are_as_likely(level):
    outputs = np.asarray(SaltAndPepperNoise(level, seed=1)(GREY, training=True))
    pepper, salt = outputs == 0, outputs == 1
    np.testing.assert_array_equal(outputs[~pepper & ~salt], GREY[~pepper & ~salt])
    for hit in (pepper, salt):
        assert abs(hit.mean() - level / 2) < 5 * deviation(level / 2, GREY.size)


def kind_of(before, after):
    """Which noise an image got, told from its pixels; the level is such that each leaves a mark."""
    if (after == 1).any():
        return "salt_and_pepper"
    return "masking" if (after == 0).any() else "gaussian"


def test_any_noise_gives_each_image_one_of_the_three():
    level = 0.3
    outputs = np.asarray(AnyNoise(level, seed=1)(GREY, training=True))
    kinds = np.array([kind_of(*pair) for pair in zip(GREY, outputs, strict=True)])
    for kind in ("gaussian", "masking", "salt_and_pepper"):
        assert abs(np.mean(kinds == kind) - 1 / 3) < 5 * deviation(1 / 3, len(GREY))
    added = (outputs - GREY)[kinds == "gaussian"]
    assert added.std() == pytest.approx(level, rel=0.05)
    assert abs(added.mean()) < 5 * level / np.sqrt(added.size)
    lost = outputs[kinds == "masking"] == 0
    assert abs(lost.mean() - level) < 5 * deviation(level, lost.size)
    hit = outputs[kinds == "salt_and_pepper"]
    assert abs(np.isin(hit, (0, 1)).mean() - level) < 5 * deviation(level, hit.size)


@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_seeded_and_new_each_time(noise):
    first, other = noise(0.4, seed=1), noise(0.4, seed=2)
    again = noise.from_config(first.get_config())
    drawn, different, same = (np.asarray(layer(GREY, training=True)) for layer in (first, other, again))
    np.testing.assert_array_equal(drawn, same)
    assert (drawn != different).any()
    assert (drawn != np.asarray(first(GREY, training=True))).any()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("noise", NOISES)
def test_dtype_follows_the_policy(noise, policy):
    layer = noise(0.3, dtype=policy)
    outputs = layer(GREY[:9], training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert tuple(outputs.shape) == layer.compute_output_shape((9, 8, 8, 1)) == (9, 8, 8, 1)


@pytest.mark.parametrize("noise", NOISES)
def test_config_round_trip(noise):
    layer = noise(0.3, seed=7, name="noise")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is noise
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("level", [1.0, -0.1, "half", None, True, float("nan")])
@pytest.mark.parametrize("noise", NOISES)
def test_refuses_levels(noise, level):
    with pytest.raises(ValueError, match="level=.*at least 0 and below 1"):
        noise(level)


@pytest.mark.parametrize("noise", NOISES)
def test_no_file_holds_noise(noise):
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(3, 3, name="conv")(noise(0.3, name="noise")(image))
    files = export.convert(keras.Model(image, x), ("float32", "int8"), calibration=[GREY[:20]])
    assert dict(export.inspect(files["float32"]).operators) == {"CONV_2D": 1}
    contents = export.inspect(files["int8"])
    assert not contents.flex
    assert contents.float_tensors == ()
