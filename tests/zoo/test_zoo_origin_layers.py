"""The layers of the early networks against plain NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.local_response import LocalResponseNormalization
from zoo.layers.neocognitron_cells import CCells, SCells, falling_off
from zoo.layers.partial_connections import PartialConv2D
from zoo.layers.rbf_output import RBFOutput
from zoo.layers.scaled_tanh import scaled_tanh
from zoo.layers.subsampling import TrainableSubsampling2D

SIZE = st.integers(4, 9)
FORMAT = st.sampled_from(["channels_last", "channels_first"])
LAYERS = (
    TrainableSubsampling2D(3, activation=scaled_tanh, name="subsampling"),
    PartialConv2D(((0, 1), (2,), (0, 2)), (3, 2), activation="relu", padding="same", name="partial"),
    LocalResponseNormalization(3, 0.1, 0.5, 1.0, name="local"),
    SCells(5, 3, 1.5, name="s"),
    CCells(3, 2, 0.4, name="c"),
)


def normal(*shape):
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def randomised(layer, shape):
    """The layer, built for inputs of `shape`, with random weights where they are trained."""
    layer.build(shape)
    for index, weight in enumerate(layer.trainable_weights):
        weight.assign(abs(np.random.default_rng(index).normal(size=weight.shape)))
    return layer


def answer(layer, images):
    """What a layer gives to images with channels last, in whatever format it computes."""
    first = getattr(layer, "data_format", "") == "channels_first"
    given = np.moveaxis(images, -1, 1) if first else images
    output = np.asarray(randomised(layer, given.shape)(given))
    assert layer.compute_output_shape(given.shape) == output.shape
    return np.moveaxis(output, 1, -1) if first else output


def slid(images, size, stride=1, padding="same"):
    """Windows of a map: `(n, rows, columns, size, size, c)`, zeros outside it as Keras pads."""
    if padding == "same":
        missing = [
            max(0, (-(-length // stride) - 1) * stride + size - length) for length in images.shape[1:3]
        ]
        margins = [(total // 2, total - total // 2) for total in missing]
        images = np.pad(images, ((0, 0), *margins, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    return np.moveaxis(windows[:, ::stride, ::stride], 3, -1)


@settings(max_examples=15, deadline=None)
@given(height=SIZE, width=SIZE, pool=st.integers(1, 4), data_format=FORMAT)
def test_subsampling_scales_and_shifts_the_sum(height, width, pool, data_format):
    images = normal(2, height, width, 3)
    layer = TrainableSubsampling2D(pool, activation=scaled_tanh, data_format=data_format)
    found = answer(layer, images)
    sums = slid(images, pool, pool, "valid").sum(axis=(3, 4))
    inner = np.asarray(layer.coefficient) * sums + np.asarray(layer.bias)
    np.testing.assert_allclose(found, 1.7159 * np.tanh(2 / 3 * inner), atol=1e-5)


def test_subsampling_starts_as_the_mean():
    images = normal(2, 5, 6, 3)
    expected = keras.layers.AveragePooling2D(2)(images)
    np.testing.assert_allclose(TrainableSubsampling2D(2)(images), expected, atol=1e-6)


def test_scaled_tanh_keeps_one():
    np.testing.assert_allclose(scaled_tanh(np.array([-1.0, 0.0, 1.0], "float32")), [-1, 0, 1], atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(height=SIZE, width=SIZE, kernel=st.integers(1, 4), data_format=FORMAT, data=st.data())
def test_partial_convolution_sums_what_is_connected(height, width, kernel, data_format, data):
    rows = st.sets(st.integers(0, 3), min_size=1).map(sorted)
    table = data.draw(st.lists(rows, min_size=1, max_size=4))
    padding = data.draw(st.sampled_from(["same", "valid"]))
    images = normal(2, height, width, 4)
    layer = PartialConv2D(table, kernel, padding=padding, data_format=data_format)
    found = answer(layer, images)
    windows, kernels = slid(images, kernel, 1, padding), list(np.moveaxis(np.asarray(layer.kernel), -1, 0))
    for output, row in enumerate(table):
        parts = [np.einsum("nhwij,ij->nhw", windows[..., i], kernels.pop(0)) for i in row]
        np.testing.assert_allclose(found[..., output], sum(parts) + np.asarray(layer.bias)[output], atol=1e-4)
    assert not kernels


def test_partial_convolution_gives_every_unit_the_same_spread():
    """Kernels of an output that sees few maps start larger: its sum varies as that of the others."""
    keras.utils.set_random_seed(0)
    layer = PartialConv2D(((0,), tuple(range(16))), 5)
    spread = np.asarray(layer(normal(8, 24, 24, 16))).std(axis=(0, 1, 2))
    np.testing.assert_allclose(spread, [1, 1], rtol=0.25)


def test_radial_output_is_the_negative_distance():
    layer, features = RBFOutput(7, seed=5), normal(4, 12)
    found, codes = np.asarray(layer(features)), np.asarray(layer.codes)
    np.testing.assert_allclose(found, -((features[:, None] - codes) ** 2).sum(-1), rtol=1e-4)
    assert set(np.unique(codes)) == {-1, 1}
    assert not layer.trainable_weights
    assert (np.asarray(layer(codes)).argmax(-1) == np.arange(7)).all()


def test_radial_codes_follow_the_seed():
    built = [RBFOutput(10, seed) for seed in (0, 0, 1)]
    first, same, other = (np.asarray(layer(normal(1, 84))) for layer in built)
    np.testing.assert_array_equal(first, same)
    assert abs(first - other).max() > 1


@settings(max_examples=15, deadline=None)
@given(channels=st.integers(1, 9), size=st.sampled_from([1, 3, 5]), data_format=FORMAT)
def test_local_response(channels, size, data_format):
    images = normal(2, 3, 4, channels)
    layer = LocalResponseNormalization(size, 0.3, 0.75, 2.0, data_format=data_format)
    padded = np.pad(images**2, ((0, 0),) * 3 + ((size // 2,) * 2,))
    sums = np.lib.stride_tricks.sliding_window_view(padded, size, axis=3).sum(-1)
    np.testing.assert_allclose(answer(layer, images), images / (2 + 0.3 * sums) ** 0.75, atol=1e-5)


def test_local_response_survives_float16():
    """Squares of 300 overflow there."""
    layer = LocalResponseNormalization(dtype="mixed_float16")
    found = np.asarray(layer(np.full((1, 2, 2, 5), 300, "float16")), "float32")
    np.testing.assert_allclose(found[0, 0, 0, 2], 300 / (2 + 1e-4 * 5 * 90000) ** 0.75, rtol=2e-3)


@settings(max_examples=10, deadline=None)
@given(height=SIZE, width=SIZE, kernel=st.sampled_from([1, 3, 4]), data_format=FORMAT)
def test_s_cells(height, width, kernel, data_format):
    images, r = abs(normal(2, height, width, 3)), 1.5
    layer = SCells(4, kernel, r, data_format=data_format)
    found = answer(layer, images)
    windows = slid(images, kernel)
    e = np.einsum("nhwijc,ijcf->nhwf", windows, np.asarray(layer.excitation))
    v = np.sqrt(np.einsum("nhwijc,ij->nhw", windows**2, falling_off(kernel)) / 3)[..., None]
    h = 2 * r / (1 + r) * np.asarray(layer.inhibition) * v
    np.testing.assert_allclose(found, r * np.maximum((1 + e) / (1 + h) - 1, 0), rtol=1e-3, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(height=SIZE, width=SIZE, strides=st.integers(1, 3), data_format=FORMAT)
def test_c_cells(height, width, strides, data_format):
    images, alpha = abs(normal(2, height, width, 3)), 0.4
    layer = CCells(3, strides, alpha, data_format=data_format)
    s = np.einsum("nhwijc,ij->nhwc", slid(images, 3, strides), falling_off(3))
    x = np.maximum((1 + s) / (1 + s.mean(-1, keepdims=True)) - 1, 0)
    np.testing.assert_allclose(answer(layer, images), x / (alpha + x), atol=1e-4)


def test_s_cells_stay_non_negative_in_training():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 6, 1)), SCells(3, 3), keras.layers.Flatten()])
    model.compile(keras.optimizers.SGD(10.0), "mse")
    model.train_on_batch(abs(normal(4, 6, 6, 1)), np.zeros((4, 108), "float32"))
    assert min(np.asarray(weight).min() for weight in model.trainable_weights) == 0


def test_s_cells_choose_what_resembles_their_kernel():
    """A cell with the kernel of a bar answers to the bar, not to the same ink spread evenly."""
    layer = SCells(1, 3, 4.0)
    layer.build((None, 3, 3, 1))
    bar = np.zeros((1, 3, 3, 1), "float32")
    bar[0, :, 1] = 1
    layer.excitation.assign(bar.transpose(1, 2, 3, 0))
    layer.inhibition.assign([2.0])
    centre = [float(np.asarray(layer(image))[0, 1, 1, 0]) for image in (bar, np.full_like(bar, 1 / 3))]
    assert centre[0] > 0
    assert centre[1] == 0


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_config_round_trip(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_mixed_precision(layer, policy):
    config, images = layer.get_config(), abs(normal(2, 6, 6, 3))
    copy = type(layer).from_config({**config, "dtype": policy})
    output, exact = copy(images), type(layer).from_config(config)
    exact(images)
    exact.set_weights(copy.get_weights())
    assert keras.backend.standardize_dtype(output.dtype) == policy.removeprefix("mixed_")
    assert all(weight.dtype == "float32" for weight in copy.weights)
    found = np.asarray(keras.ops.cast(output, "float32"))
    np.testing.assert_allclose(found, exact(images), atol=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainableSubsampling2D(0), "pool_size=0"),
        (lambda: TrainableSubsampling2D(4)(normal(1, 3, 9, 1)), "fits into a map"),
        (lambda: PartialConv2D((), 3), "connections="),
        (lambda: PartialConv2D(((0,), ()), 3), "connections="),
        (lambda: PartialConv2D(((0, 0),), 3), "named once"),
        (lambda: PartialConv2D(((-1,),), 3), "connections="),
        (lambda: PartialConv2D(5, 3), "connections="),
        (lambda: PartialConv2D(((0, 3),), 1)(normal(1, 4, 4, 3)), "at least 4 maps"),
        (lambda: RBFOutput(0), "classes=0"),
        (lambda: LocalResponseNormalization(4), "size=3 or size=5"),
        (lambda: LocalResponseNormalization(alpha=0), "alpha=0"),
        (lambda: SCells(0), "filters=0"),
        (lambda: SCells(2, selectivity=-1.0), "selectivity="),
        (lambda: CCells(strides=0), "strides=0"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports")
def test_all_are_plain_operators_on_the_edge():
    """The partial convolution and the subsampling are one operator each, and int8 has no float."""
    import export

    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).random((24, 8, 8, 3), dtype="float32")
    inputs = keras.Input((8, 8, 3))
    x = PartialConv2D(((0, 1), (1, 2), (0, 2), (1,)), 3)(inputs)
    x = TrainableSubsampling2D(2)(x)
    x = LocalResponseNormalization(3, 0.1)(x)
    x = CCells(3, 1)(SCells(4, 3)(keras.layers.ReLU()(x)))
    x = RBFOutput(5)(keras.layers.Flatten()(x))
    model = keras.Model(inputs, x)
    for precision in ("float32", "int8"):
        content = export.to_tflite(model, precision=precision, calibration=images)
        contents = export.inspect(content)
        assert not contents.flex
        assert not contents.custom
        assert export.verify(model, content, [images], None, precision).passed
        assert contents.operators["CONV_2D"] == 4  # partial, band, excitation, energy
        assert contents.operators["DEPTHWISE_CONV_2D"] == 2  # subsampling, C-cells
    assert contents.float_tensors == ()
