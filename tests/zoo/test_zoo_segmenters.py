"""Segmenters and the dilated ResNet: sizes, published parameter counts, and what each design is for."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.layers.bilinear import BilinearKernel
from zoo.layers.identity import IdentityKernel
from zoo.registry import find

SEGMENTERS = ["context_module", "deeplab", "fcn", "unet"]


def smallest(name, **arguments):
    return zoo.create(name, **{**find(name).smallest, **arguments})


def images(model, n=3):
    return np.random.default_rng(0).random((n, *model.input_shape[1:]), dtype="float32")


def kernels(model):
    return {weight.path: tuple(weight.shape) for weight in model.trainable_weights}


@pytest.mark.parametrize("name", SEGMENTERS)
@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 17, 3)])
def test_logits_of_every_pixel_of_any_image(name, shape):
    keras.utils.set_random_seed(0)
    model = smallest(name, input_shape=shape, classes=5)
    outputs = np.asarray(model(images(model)))
    assert outputs.shape == (3, *shape[:2], 5)
    assert np.isfinite(outputs).all() and outputs.std() > 0


@pytest.mark.parametrize("name", SEGMENTERS)
def test_borders_are_those_of_an_image_padded_by_hand(name):
    """What the model adds to reach a multiple of its strides is zeros, evenly, and is cut off again."""
    small = smallest(name, input_shape=(29, 32, 1))
    large = smallest(name, input_shape=(32, 32, 1))
    large.set_weights(small.get_weights())
    padded = np.pad(images(small), ((0, 0), (1, 2), (0, 0), (0, 0)))
    np.testing.assert_allclose(small(images(small)), np.asarray(large(padded))[:, 1:30], atol=1e-5)


def test_published_unet():
    """Width 64, depth 4, three channels in, one class, counted as its normalised re-implementations are."""
    model = zoo.create("unet", input_shape=(32, 32, 3), classes=1, width=64, depth=4)
    assert sum(map(np.prod, kernels(model).values())) == 31_037_633


def fcn_weights(width, convolutions, hidden, side, classes):
    """Kernels and biases of FCN-8s, by the layers of the paper; a shift takes each bias's place here."""
    widths = [3]
    for block, count in enumerate(convolutions):
        widths += [width * min(2**block, 8)] * count
    trunk = sum(9 * a * b + b for a, b in itertools.pairwise(widths))
    scored = [hidden, 8 * width, 4 * width]
    scores = sum(channels * classes + classes for channels in scored)
    enlarged = (2 * 4**2 + 16**2) * classes**2
    return trunk + side**2 * widths[-1] * hidden + hidden + hidden**2 + hidden + scores + enlarged


def test_published_fcn():
    """The count at VGG-16's widths is the paper's 134 M (table 1); a narrow net follows the same formula."""
    assert fcn_weights(64, (2, 2, 3, 3, 3), 4096, 7, 21) == 134_489_759
    model = zoo.create(
        "fcn",
        input_shape=(64, 64, 3),
        classes=21,
        width=4,
        convolutions=(2, 2, 3, 3, 3),
        hidden=32,
        hidden_kernel=7,
    )
    counted = {path: shape for path, shape in kernels(model).items() if not path.endswith("gamma")}
    assert sum(map(np.prod, counted.values())) == fcn_weights(4, (2, 2, 3, 3, 3), 32, 7, 21)


@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_689_512), (50, 25_557_032), (26, 21_126_584)])
def test_published_dilated_resnets(depth, parameters):
    """DRN-A weighs what ResNet does (torchvision's counts); DRN-C-26 is the 21.1 M of its authors' table."""
    model = zoo.create("dilated_resnet", input_shape=(16, 16, 3), classes=1000, depth=depth, width=64)
    assert sum(map(np.prod, kernels(model).values())) == parameters


@pytest.mark.parametrize("depth", [18, 26, 34, 42, 50, 58])
def test_depth_counts_layers_with_weights(depth):
    model = zoo.create("dilated_resnet", input_shape=(32, 32, 1), depth=depth, width=4)
    weighted = [r.name for r in zoo.describe(model).rows if r.type in ("Conv2D", "Dense")]
    assert len([name for name in weighted if "shortcut" not in name]) == depth
    maps = [layer.output.shape[1:3] for layer in model.layers if "block" in layer.name]
    assert min(maps) == maps[-1] == (4, 4)


def test_dilated_resnet_ends_with_falling_dilation_and_no_shortcuts():
    model = zoo.create("dilated_resnet", width=4)
    dilations = [model.get_layer(f"group{i}_block1_second_conv").dilation_rate[0] for i in range(1, 9)]
    assert dilations == [1, 1, 1, 1, 2, 4, 2, 1]
    assert not [
        layer.name
        for layer in model.layers
        if layer.name.startswith(("group7", "group8")) and "add" in layer.name
    ]
    assert model.get_layer("group6_block2_add")


def test_dilated_resnet_of_pixels_enlarges_the_scores_of_its_map():
    whole = zoo.create("dilated_resnet", input_shape=(24, 16, 1), width=4)
    dense = zoo.create("dilated_resnet", input_shape=(24, 16, 1), width=4, pixels=True)
    kernel, bias = whole.get_layer("logits").get_weights()
    dense.set_weights([*whole.get_weights()[:-2], kernel[None, None], bias])
    scores = keras.Model(dense.input, dense.get_layer("scores").output)
    np.testing.assert_allclose(whole(images(whole)), np.mean(scores(images(whole)), (1, 2)), atol=1e-4)
    assert dense.output_shape == (None, 24, 16, 10)


def test_context_module_sees_what_table_1_says():
    model = zoo.create("context_module", filters=(4,), output_stride=1)
    rows = zoo.describe(model)
    seen = [rows[f"context{i}"].receptive_field[0] - 2 for i in range(1, 9)]
    assert seen == [3, 5, 9, 17, 33, 65, 67, 67]


@pytest.mark.parametrize("module", ["basic", "large"])
def test_context_module_starts_as_the_identity(module, monkeypatch):
    """Positive scores come out as they went in; the large module's noise is left out here."""
    monkeypatch.setattr("zoo.segmenters.context_module.NOISE", 0.0)
    model = smallest("context_module", module=module, output_stride=1)
    context = keras.Model(model.get_layer("front_scores").output, model.get_layer("context8").output)
    scores = np.random.default_rng(0).random((2, 16, 16, 3), dtype="float32")
    np.testing.assert_allclose(context(scores), scores, atol=1e-5)
    started = smallest("context_module", module=module, initialization="random", output_stride=1)
    assert np.abs(started.get_layer("context1").kernel).min() > 0


@settings(max_examples=15, deadline=None)
@given(groups=st.integers(1, 4), ins=st.integers(1, 3), outs=st.integers(1, 3), side=st.integers(1, 4))
def test_identity_kernel_is_equation_5(groups, ins, outs, side):
    c_in, c_out = groups * ins, groups * outs
    kernel = np.asarray(IdentityKernel(groups)((side, side, c_in, c_out)))
    expected = np.zeros((side, side, c_in, c_out))
    for a in range(c_in):
        for b in range(c_out):
            if a * groups // c_in == b * groups // c_out:
                expected[(side - 1) // 2, (side - 1) // 2, a, b] = groups / c_out
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)


def test_identity_kernel_noise_and_config():
    kernel = np.asarray(IdentityKernel(2, deviation=0.1, seed=3)((3, 3, 20, 40)))
    noise = kernel[kernel != np.float32(0.05)]
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    copy = IdentityKernel.from_config(IdentityKernel(2, deviation=0.1, seed=3).get_config())
    np.testing.assert_array_equal(kernel, copy((3, 3, 20, 40)))
    with pytest.raises(ValueError, match="multiples of 2"):
        IdentityKernel(2)((3, 3, 3, 4))


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_bilinear_kernel_interpolates(factor):
    """Away from the borders, where a transposed convolution sees zeros, it equals Keras's resize."""
    given = np.random.default_rng(0).random((2, 6, 5, 3), dtype="float32")
    side = 2 * factor - factor % 2
    layer = keras.layers.Conv2DTranspose(
        3, side, strides=factor, padding="same", use_bias=False, kernel_initializer=BilinearKernel()
    )
    expected = keras.layers.UpSampling2D(factor, interpolation="bilinear")(given)
    inside = (slice(None), slice(factor, -factor), slice(factor, -factor))
    np.testing.assert_allclose(np.asarray(layer(given))[inside], np.asarray(expected)[inside], atol=1e-5)


@pytest.mark.parametrize(("stride", "convolutions"), [(32, 1), (16, 2), (8, 3)])
def test_fcn_fuses_as_far_as_its_stride(stride, convolutions):
    model = smallest("fcn", stride=stride)
    scores = [layer for layer in model.layers if layer.name.startswith("score")]
    assert len(scores) == convolutions
    assert model.get_layer("logits").strides == (stride, stride)


@pytest.mark.parametrize(("output_stride", "dilations"), [(8, [1, 1, 1, 1, 1, 2]), (16, [1, 1, 1, 1, 1, 1])])
def test_deeplab_dilates_where_it_stops_striding(output_stride, dilations):
    model = zoo.create("deeplab", output_stride=output_stride)
    trunk = [model.get_layer(f"block{i}_depthwise") for i in range(1, 7)]
    assert [layer.dilation_rate[0] for layer in trunk] == dilations
    assert trunk[-1].output.shape[1] == 64 // output_stride
    branches = [model.get_layer(f"pyramid_rate{i}_depthwise").dilation_rate[0] for i in (1, 2, 3)]
    assert branches == [1, 2, 4]
    assert model.get_layer("pyramid_image_spread").output.shape[1] == 64 // output_stride


def test_deeplab_version_3_enlarges_at_once():
    model = smallest("deeplab", low_level=0)
    assert model.get_layer("logits").size == (8, 8)
    assert not [layer.name for layer in model.layers if "decoder" in layer.name]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("unet", {"upsampling": "bilinear"}, "'deconvolution', 'resize'"),
        ("unet", {"depth": 0}, "depth=0"),
        ("fcn", {"stride": 4}, "32, 16, 8"),
        ("fcn", {"convolutions": (1, 1)}, "five"),
        ("deeplab", {"output_stride": 4}, "8, 16"),
        ("deeplab", {"filters": (8, 8, 16)}, "too seldom"),
        ("deeplab", {"rates": ()}, "rates"),
        ("context_module", {"module": "huge"}, "'basic', 'large'"),
        ("context_module", {"filters": (8,), "output_stride": 4}, "output_stride=2"),
        ("dilated_resnet", {"depth": 20}, "18, 26, 34, 42, 50, 58"),
        ("dilated_resnet", {"width": 6}, "width=8"),
        ("dilated_resnet", {"input_shape": (32, 32)}, "(32, 32, 1)"),
    ],
)
def test_bad_arguments_are_refused(name, arguments, message):
    with pytest.raises(ValueError) as raised:
        zoo.create(name, **arguments)
    assert message in str(raised.value)


def test_half_precision_stays_half():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        for name in ("deeplab", "fcn"):
            model = smallest(name)
            assert keras.backend.standardize_dtype(model(images(model)).dtype) == "float16"
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("name", "arguments", "operator"),
    [
        ("unet", {"upsampling": "resize"}, "RESIZE_NEAREST_NEIGHBOR"),
        ("fcn", {"upsampling": "resize"}, "RESIZE_BILINEAR"),
        ("dilated_resnet", {"pixels": True}, "RESIZE_BILINEAR"),
    ],
)
def test_other_variants_export(name, arguments, operator):
    model = smallest(name, **arguments)
    batch = images(model, 24)
    model(batch, training=True)
    files = export.convert(model, precisions=("float32", "int8"), calibration=[batch])
    for precision, content in files.items():
        report = export.verify(model, content, [batch], precision=precision)
        contents = export.inspect(content)
        assert report.passed, report.problems
        assert not contents.flex and not contents.custom
        assert operator in contents.operators
    assert export.inspect(files["int8"]).float_tensors == ()
