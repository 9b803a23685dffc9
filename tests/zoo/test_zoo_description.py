"""Descriptions against values worked out by hand and against measured dependence."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.layers.resize import NearestUpsampling2D
from zoo.registry import create_smallest

LENET5_MACS = {
    "c1": 28 * 28 * 5 * 5 * 6,
    "c3": 10 * 10 * 5 * 5 * 6 * 16,
    "c5": 5 * 5 * 16 * 120,
    "f6": 120 * 84,
    "logits": 84 * 10,
}
LENET5_FIELDS = {"c1": (5, 1), "s2": (6, 2), "c3": (14, 2), "s4": (16, 4), "c5": (32, 4)}


def test_lenet5_by_hand():
    description = zoo.describe(zoo.create("lenet5"))
    assert LENET5_MACS["c1"] == 117_600
    assert LENET5_MACS["c3"] == 240_000
    assert {row.name: row.macs for row in description.rows if row.macs} == LENET5_MACS
    assert description.macs == 416_520
    assert description.parameters == 61_706
    for name, (size, jump) in LENET5_FIELDS.items():
        assert description[name].receptive_field == (size, size)
        assert description[name].jump == (jump, jump)
    assert description["flatten"].receptive_field == (28, 28)
    assert description["logits"].jump is None


def test_resnet8_by_hand():
    stem = 32 * 32 * 9 * 3 * 16
    block1 = 2 * 32 * 32 * 9 * 16 * 16
    block2 = 16 * 16 * (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32)
    block3 = 8 * 8 * (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64)
    description = zoo.describe(zoo.create("resnet8"))
    assert description.macs == stem + block1 + block2 + block3 + 64 * 10 == 12_501_632
    # The longer branch: 3 + 2 + 2, then + 2 and + 4 behind strides 1 and 2, then + 4 and + 8.
    assert description["block1_add"].receptive_field == (7, 7)
    assert description["block2_add"].receptive_field == (13, 13)
    assert description["block3_add"].receptive_field == (25, 25)
    assert description["block3_add"].jump == (4, 4)


def test_ds_cnn_by_hand():
    block = 25 * 5 * (9 * 64 + 64 * 64)
    description = zoo.describe(zoo.create("ds_cnn"))
    assert description.macs == 25 * 5 * 40 * 64 + 4 * block + 64 * 12 == 2_656_768
    assert description["stem_conv"].receptive_field == (10, 4)


def test_dilated_cnn_sees_31_pixels_and_is_cheap():
    description = zoo.describe(zoo.create("dilated_cnn"))
    assert description["features_relu"].receptive_field == (31, 31)
    assert description["features_relu"].jump == (2, 2)
    assert description.macs <= 12_000_000


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Conv2D(6, 3, groups=2), (8, 8, 4), 36 * 9 * 2 * 6),
        (layers.Conv2D(6, (3, 1), strides=2), (9, 9, 4), 20 * 3 * 4 * 6),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 4), 36 * 9 * 8),
        (layers.SeparableConv2D(6, 3, depth_multiplier=2), (8, 8, 4), 36 * (9 * 8 + 8 * 6)),
        (layers.Conv2DTranspose(6, 4, strides=2, padding="same"), (8, 8, 3), 64 * 16 * 3 * 6),
        (layers.Conv1D(6, 3, padding="causal"), (8, 4), 8 * 3 * 4 * 6),
        (layers.Conv3D(6, 2), (4, 4, 4, 2), 27 * 8 * 2 * 6),
        (layers.Dense(5), (7,), 35),
        (layers.Dense(5), (3, 4, 7), 3 * 4 * 35),
        (layers.BatchNormalization(), (8, 8, 4), 0),
        (layers.MaxPooling2D(2), (8, 8, 4), 0),
        (layers.LSTM(3), (5, 4), None),
        (layers.Conv2D(6, 3), (None, None, 4), None),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_macs_of_single_layers(layer, shape, expected):
    description = zoo.describe(keras.Sequential([keras.Input(shape), layer]))
    assert description.rows[-1].macs == expected
    assert description.macs == expected


def window(kernel, *inner, **options):
    return layers.Conv2D(1, kernel, *inner, use_bias=False, **options)


NETS = {
    "dilated": lambda x: window(3, dilation_rate=3)(window(3, 2)(x)),
    "rectangular": lambda x: window((1, 5))(window((3, 2), (2, 1))(x)),
    "depthwise": lambda x: layers.DepthwiseConv2D(5, strides=2)(window(2)(x)),
    "pooled": lambda x: window(3)(layers.AveragePooling2D(3, strides=2)(window(3)(x))),
    "branches": lambda x: layers.Add()([window(k, padding="same")(x) for k in (5, 3)]),
    "enlarged": lambda x: window(3)(NearestUpsampling2D(2)(window(3, 2)(x))),
    "transposed": lambda x: layers.Conv2DTranspose(1, 4, strides=2)(window(3, 2)(x)),
    "bilinear": lambda x: layers.UpSampling2D(2, interpolation="bilinear")(window(3, 2)(x)),
}


def measured_field(model):
    """Most rows and columns of the input that any inner output changes with, by perturbation."""
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    size = model.input_shape[1]
    impulses = np.eye(size * size, dtype="float32").reshape(-1, size, size, 1)
    responses = model.predict(impulses, verbose=0)
    at_rest = model.predict(np.zeros_like(impulses[:1]), verbose=0)
    depends = (np.abs(responses - at_rest) > 1e-6).reshape(size, size, -1)  # (row, column, output)
    rows, columns = depends.any(axis=1), depends.any(axis=0)
    return extent(rows), extent(columns)


def extent(depends):
    """Largest distance from the first to the last True of a column."""
    indices = [np.flatnonzero(column) for column in depends.T if column.any()]
    return max(index[-1] - index[0] + 1 for index in indices)


@pytest.mark.parametrize("net", NETS)
def test_receptive_field_is_the_measured_one(net):
    image = keras.Input((21, 21, 1))
    model = keras.Model(image, NETS[net](image))
    assert zoo.describe(model).rows[-1].receptive_field == measured_field(model)


def test_receptive_field_of_a_real_stem_is_the_measured_one():
    model = zoo.create("separable_cnn", input_shape=(24, 24, 1), filters=(2, 4, 4))
    name = "block2_pointwise"
    probe = keras.Model(model.input, model.get_layer(name).output)
    assert zoo.describe(model)[name].receptive_field == measured_field(probe) == (9, 9)


def test_nested_models_are_walked_through():
    model = zoo.create("convolutional_autoencoder")
    description = zoo.describe(model)
    parts = [zoo.describe(model.encoder), zoo.describe(model.decoder)]
    assert description.macs == sum(part.macs for part in parts)
    assert description.parameters == sum(part.parameters for part in parts)
    assert description["encoder/block2_conv"].receptive_field == (7, 7)
    assert description["decoder/image"].receptive_field == (28, 28)
    names = [f"encoder/{row.name}" for row in parts[0].rows]
    assert [row.name for row in description.rows][: len(names)] == names


def test_a_code_has_no_receptive_field():
    description = zoo.describe(zoo.create("deconvolutional_decoder"))
    assert {row.receptive_field for row in description.rows} == {None}


def test_shared_layers_cost_a_call_each_but_weigh_once():
    first, second = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    shared = layers.Conv2D(2, 3)
    model = keras.Model([first, second], layers.Add()([shared(first), shared(second)]))
    description = zoo.describe(model)
    assert description.macs == 2 * 36 * 9 * 2
    assert sum(row.parameters for row in description.rows) == model.count_params() == 20


@pytest.mark.parametrize("name", zoo.list_models())
def test_rows_add_up_and_print(name):
    model = create_smallest(name)
    graph = model.get_config()
    description = zoo.describe(model)
    assert sum(row.parameters for row in description.rows) == model.count_params()
    assert sum(row.macs for row in description.rows) == description.macs
    lines = str(description).splitlines()
    assert len(lines) == len(description.rows) + 2
    assert f"{description.parameters:,}" in lines[-1]
    assert model.get_config() == graph


def test_operations_of_a_graph_are_rows_too():
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, keras.ops.relu(layers.Conv2D(2, 3)(image)) * 2)
    assert len(zoo.describe(model).rows) == 3
    assert zoo.describe(model).rows[-1].receptive_field == (3, 3)


def test_refuses_what_has_no_graph():
    class Subclass(keras.Model):
        def call(self, inputs):
            return inputs

    for model in (Subclass(), keras.Sequential([layers.Dense(3)])):
        with pytest.raises(ValueError, match=model.name):
            zoo.describe(model)


def test_unknown_row_names_the_rows():
    with pytest.raises(KeyError, match="c3"):
        zoo.describe(zoo.create("lenet5"))["c9"]
