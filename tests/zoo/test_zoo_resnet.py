"""Residual networks: published sizes, the shortcuts of each variant, and what blurring changes."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.layers.blur import BlurPool2D, MaxBlurPool2D
from zoo.layers.shortcut import IdentityShortcut2D

# Trainable parameters for 1,000 classes, as torchvision's networks of these names have.
LARGE = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
# He et al., 2015, table 6: millions of parameters.
SMALL = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7}


def trainable(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def weighted_layers(model):
    """Convolutions and dense layers, those of shortcuts left out: what the names count."""
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    return [x.name for x in model.layers if isinstance(x, kinds) and "shortcut" not in x.name]


def strides_of(model):
    """The layers that subsample."""
    return {x.name for x in model.layers if hasattr(x, "strides") and set(np.ravel(x.strides)) - {1}}


def images(model, n=4):
    return np.random.default_rng(0).random((n, *model.input_shape[1:]), dtype="float32")


@pytest.mark.parametrize("depth", LARGE)
def test_large_ones_have_the_published_size(depth):
    model = zoo.create("resnet", depth=depth)
    assert trainable(model) == LARGE[depth]
    assert len(weighted_layers(model)) == depth


@pytest.mark.parametrize("depth", SMALL)
def test_small_ones_have_the_published_size(depth):
    model = zoo.create("resnet_small", depth=depth)
    assert trainable(model) / 1e6 == pytest.approx(SMALL[depth], abs=0.03 if depth == 110 else 0.006)
    assert len(weighted_layers(model)) == depth


@pytest.mark.parametrize("name", ["resnet", "resnet_small"])
def test_other_depths_are_refused_with_the_possible_ones(name):
    with pytest.raises(ValueError, match=r"depth=19: .*(18|20)"):
        zoo.create(name, depth=19)


@pytest.mark.parametrize("name", ["resnet", "resnet_small"])
def test_other_variants_are_refused(name):
    with pytest.raises(ValueError, match="'original', 'preactivation', 'plain'"):
        zoo.create(name, variant="wide")


@pytest.mark.parametrize("depth", [18, 50])
def test_plain_nets_have_no_shortcuts(depth):
    options = {"depth": depth, "width": 0.125, "input_shape": (32, 32, 3), "classes": 4}
    plain, residual = (zoo.create("resnet", variant=v, **options) for v in ("plain", "original"))
    assert weighted_layers(plain) == weighted_layers(residual)
    assert not [x.name for x in plain.layers if "shortcut" in x.name or "add" in x.name]


def test_small_ones_have_shortcuts_without_weights():
    model = zoo.create("resnet_small")
    shortcuts = [x for x in model.layers if "shortcut" in x.name]
    assert [x.name for x in shortcuts] == ["stage2_block1_shortcut", "stage3_block1_shortcut"]
    assert not any(x.weights for x in shortcuts)


@pytest.mark.parametrize(
    ("variant", "end"), [("original", "stage1_block1_relu"), ("preactivation", "stage1_block1_add")]
)
def test_a_block_without_a_branch_hands_its_input_on(variant, end):
    """With its last convolution at zero only the shortcut is left: unrectified where pre-activated."""
    model = zoo.create("resnet_small", depth=20, variant=variant)
    last = model.get_layer("stage1_block2_second_conv")
    last.kernel.assign(np.zeros(last.kernel.shape))
    outputs = [model.get_layer(name).output for name in (end, "stage1_block2_add")]
    before, after = map(np.asarray, keras.Model(model.input, outputs)(images(model)))
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert (after < 0).any() == (variant == "preactivation")


def test_preactivation_activates_once_behind_the_stem_and_once_at_the_end():
    names = [x.name for x in zoo.create("resnet_small", variant="preactivation").layers]
    assert "stage1_block1_pre_bn" not in names
    assert {"stage1_block2_pre_bn", "stage2_block1_pre_relu", "last_bn", "last_relu"} <= set(names)


@pytest.mark.parametrize(("depth", "variant"), [(18, "original"), (50, "preactivation")])
def test_blurring_replaces_every_stride_but_the_stems(depth, variant):
    options = {"depth": depth, "variant": variant, "width": 0.125, "input_shape": (64, 48, 3)}
    sharp, blurred = (zoo.create("resnet", blur=blur, **options) for blur in (False, True))
    assert blurred.count_params() == sharp.count_params()
    kinds = (BlurPool2D, MaxBlurPool2D)
    assert strides_of(blurred) == {"stem_conv"} | {
        x.name for x in blurred.layers if isinstance(x, kinds) and x.name != "stem_pool"
    }
    assert isinstance(blurred.get_layer("stem_pool"), MaxBlurPool2D)
    shapes = [model.get_layer("stage4_block2_add").output.shape for model in (sharp, blurred)]
    assert shapes[0] == shapes[1] == (None, 2, 2, 64 if depth == 18 else 256)


def test_small_images_keep_their_resolution():
    model = zoo.create(
        "resnet", input_shape=(32, 32, 3), classes=5, depth=18, width=0.25, stem_strides=1, stem_pool=False
    )
    assert model.get_layer("stage1_block1_add").output.shape[1:3] == (32, 32)
    assert model.get_layer("stage4_block2_add").output.shape[1:3] == (4, 4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
@pytest.mark.parametrize(
    "options",
    [{"blur": True}, {"blur": True, "variant": "preactivation"}, {"variant": "plain"}],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_variants_export(options):
    keras.utils.set_random_seed(0)
    size = {"input_shape": (16, 16, 3), "classes": 4, "depth": 8, "width": 0.5}
    model = zoo.create("resnet_small", **size, **options)
    data = images(model, 24)
    model(data, training=True)  # batch statistics that belong to these images
    files = export.convert(model, ("float32", "int8"), [data])
    for precision, content in files.items():
        report = export.verify(model, content, [data], precision=precision)
        assert report.passed, report.problems
        assert not export.inspect(content).flex
    assert export.inspect(files["int8"]).float_tensors == ()


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    channels=st.integers(1, 3),
    more=st.integers(0, 3),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    channels_first=st.booleans(),
)
def test_shortcut_against_numpy(height, width, channels, more, strides, channels_first):
    pictures = np.random.default_rng(0).normal(size=(2, height, width, channels)).astype("float32")
    expected = pictures[:, :: strides[0], :: strides[1]]
    expected = np.pad(expected, [(0, 0), (0, 0), (0, 0), (0, more)])
    if channels_first:
        pictures, expected = pictures.transpose(0, 3, 1, 2), expected.transpose(0, 3, 1, 2)
    data_format = "channels_first" if channels_first else "channels_last"
    layer = IdentityShortcut2D(channels + more, strides, data_format)
    np.testing.assert_array_equal(layer(pictures), expected)
    assert layer.compute_output_shape(pictures.shape) == expected.shape


def test_shortcut_keeps_its_configuration_and_its_type():
    layer = IdentityShortcut2D(4, (2, 1), "channels_last", dtype="mixed_bfloat16")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    assert keras.backend.standardize_dtype(layer(np.ones((1, 4, 4, 2), "float32")).dtype) == "bfloat16"


def test_shortcut_refuses_fewer_channels():
    with pytest.raises(ValueError, match="filters=2: the input has 3 channels"):
        IdentityShortcut2D(2)(np.ones((1, 4, 4, 3), "float32"))
    with pytest.raises(ValueError, match="filters=0"):
        IdentityShortcut2D(0)
