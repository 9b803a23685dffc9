"""MobileNets: the sizes and the arithmetic that the papers and Keras give, and the variants."""

import keras
import numpy as np
import pytest

import export
import zoo
from zoo.layers.blur import BlurPool2D, MaxBlurPool2D

SMALL = {"input_shape": (32, 32, 3), "classes": 10}
NAMES = ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3"]
APPLICATIONS = keras.applications


@pytest.mark.parametrize(
    ("name", "options", "reference", "reference_options"),
    [
        ("mobilenet_v1", {"width": 0.25}, APPLICATIONS.MobileNet, {"alpha": 0.25}),
        ("mobilenet_v2", {"width": 0.35}, APPLICATIONS.MobileNetV2, {"alpha": 0.35}),
        ("mobilenet_v3", {"size": "small", "width": 0.75}, APPLICATIONS.MobileNetV3Small, {"alpha": 0.75}),
        ("mobilenet_v3", {"size": "large", "width": 0.75}, APPLICATIONS.MobileNetV3Large, {"alpha": 0.75}),
        ("mobilenet_v3", {"minimalistic": True}, APPLICATIONS.MobileNetV3Small, {"minimalistic": True}),
    ],
)
def test_as_many_parameters_as_keras(name, options, reference, reference_options):
    model = zoo.create(name, **SMALL, **options)
    theirs = reference(weights=None, **SMALL, **reference_options)
    assert model.count_params() == theirs.count_params()


@pytest.mark.parametrize(
    ("name", "options", "millions"),
    [
        ("mobilenet_v1", {}, 569),  # Howard et al., 2017, table 8
        ("mobilenet_v2", {}, 300),  # Sandler et al., 2018, table 4
        ("mobilenet_v3", {"size": "large"}, 219),  # Howard et al., 2019, table 3
        ("mobilenet_v3", {"size": "small"}, 56),
    ],
)
def test_as_many_multiplications_as_published(name, options, millions):
    assert zoo.describe(zoo.create(name, **options)).macs == pytest.approx(millions * 1e6, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_a_stem_without_stride_keeps_small_images_larger(name):
    model = zoo.create(name, **SMALL, width=0.125, stem_strides=1)
    assert model.get_layer("pool").input.shape[1:3] == (2, 2)


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2"])
def test_blurring_replaces_every_stride_but_the_stems(name):
    sharp, blurred = (zoo.create(name, **SMALL, width=0.125, blur=blur) for blur in (False, True))
    assert blurred.count_params() == sharp.count_params()
    convolutions = [
        x for x in blurred.layers if isinstance(x, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
    ]
    assert {x.name for x in convolutions if set(x.strides) - {1}} == {"stem_conv"}
    assert sum(isinstance(x, BlurPool2D) for x in blurred.layers) == 4
    assert blurred.get_layer("pool").input.shape == sharp.get_layer("pool").input.shape


def test_lenet_blurs_in_the_place_of_its_pooling():
    sharp, blurred = zoo.create("lenet5_modern"), zoo.create("lenet5_blur", filter_size=5)
    assert blurred.count_params() == sharp.count_params()
    assert [x.name for x in blurred.layers] == [x.name for x in sharp.layers]
    assert [x.name for x in blurred.layers if isinstance(x, MaxBlurPool2D)] == ["s2", "s4"]
    assert blurred.get_layer("s2").output.shape == sharp.get_layer("s2").output.shape


@pytest.mark.parametrize("name", NAMES)
def test_refuses_widths(name):
    with pytest.raises(ValueError, match="width=0"):
        zoo.create(name, width=0)


def test_v3_refuses_sizes_and_activations():
    with pytest.raises(ValueError, match="'large', 'small'"):
        zoo.create("mobilenet_v3", size="medium")
    with pytest.raises(ValueError, match="'hard_swish', 'relu'"):
        zoo.create("mobilenet_v3", activation="swish")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v1", {"blur": True}),
        ("mobilenet_v2", {"blur": True, "head": 32}),
        ("mobilenet_v3", {"activation": "relu", "head": 32}),
    ],
)
def test_variants_export(name, options):
    keras.utils.set_random_seed(0)
    model = zoo.create(name, input_shape=(32, 32, 3), classes=4, width=0.0625, dropout=0.0, **options)
    images = np.random.default_rng(0).random((24, 32, 32, 3), dtype="float32")
    model(images, training=True)  # batch statistics that belong to these images
    files = export.convert(model, ("float32", "int8"), [images])
    for precision, content in files.items():
        report = export.verify(model, content, [images], precision=precision)
        assert report.passed, report.problems
        contents = export.inspect(content)
        assert not contents.flex
        assert "HARD_SWISH" not in contents.operators
    assert export.inspect(files["int8"]).float_tensors == ()
