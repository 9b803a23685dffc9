"""Sizes and windows against counting positions one by one and against Keras's own layers."""

from fractions import Fraction

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import zoo
from zoo import window


def positions(size, kernel, stride, padding, dilation):
    """Where windows begin, and whether the last one ends at the padded edge, by trying all places."""
    extent, whole = (kernel - 1) * dilation + 1, size + 2 * padding
    starts = [start for start in range(0, whole, stride) if start + extent <= whole]
    return len(starts), bool(starts) and starts[-1] + extent == whole


@settings(max_examples=300, deadline=None)
@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 8),
    stride=st.integers(1, 5),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 4),
)
def test_output_size_counts_positions(size, kernel, stride, padding, dilation):
    count, tiles = positions(size, kernel, stride, padding, dilation)
    if tiles:
        assert zoo.output_size(size, kernel, stride, padding, dilation) == count
    else:
        with pytest.raises(ValueError, match="do not tile"):
            zoo.output_size(size, kernel, stride, padding, dilation)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(8, 40), kernel=st.integers(1, 3), stride=st.integers(1, 3), dilation=st.integers(1, 3)
)
def test_output_size_is_that_of_keras(size, kernel, stride, dilation):
    if stride > 1:
        dilation = 1
    for padding in ("same", "valid"):
        layer = layers.Conv2D(1, kernel, strides=stride, dilation_rate=dilation, padding=padding)
        expected = layer.compute_output_shape((1, size, size, 1))[1]
        try:
            assert zoo.output_size(size, kernel, stride, padding, dilation) == expected
        except ValueError:
            assert padding == "valid"
            assert not positions(size, kernel, stride, 0, dilation)[1]


def test_the_error_names_sizes_that_tile():
    with pytest.raises(ValueError, match=r"28 pixels: the last 1 would never be seen.*: 27, 29"):
        zoo.output_size(28, 3, 2)
    assert (zoo.output_size(27, 3, 2), zoo.output_size(29, 3, 2)) == (13, 14)
    with pytest.raises(ValueError, match="larger. Give at least 9 pixels"):
        zoo.output_size(8, 5, dilation=2)
    assert zoo.output_size(9, 5, dilation=2) == 1
    with pytest.raises(ValueError, match="1 of padding on either side"):
        zoo.output_size(8, 3, 2, padding=1)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((0, 3), "size=0"),
        ((8, 0), "kernel=0"),
        ((8, 3, -1), "stride=-1"),
        ((8, 3, 1, "valid", 0), "dilation=0"),
        ((8, 3, 1, "full"), "padding='full'"),
        ((8, 3, 1, -1), "padding=-1"),
    ],
)
def test_output_size_refuses(arguments, word):
    with pytest.raises(ValueError, match=word):
        zoo.output_size(*arguments)


def row_of(layer, shape):
    return zoo.describe(keras.Sequential([keras.Input(shape), layer])).rows[-1]


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (layers.MaxPooling2D(3, 2), (9, 8, 1), "8 pixels"),
        (layers.Conv2D(2, (3, 5), strides=2), (7, 10, 1), "windows of 5 pixels at stride 2"),
        (layers.AveragePooling1D(4), (10, 2), "the last 2"),
        (layers.Conv3D(1, 2, strides=2), (4, 4, 5, 1), "5 pixels"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows_say_what_does_not_tile(layer, shape, words):
    row = row_of(layer, shape)
    assert words in row.untiled
    same = type(layer).from_config({**layer.get_config(), "padding": "same"})
    assert row_of(same, shape).untiled is None


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.MaxPooling2D(3, 2), (9, 9, 1)),
        (layers.Conv2D(2, 1, strides=2), (8, 8, 1)),  # a shortcut leaves pixels out on purpose
        (layers.Conv2DTranspose(2, 3, strides=2), (8, 8, 1)),
        (layers.Dense(2), (8, 8, 1)),
        (layers.MaxPooling2D(2), (None, None, 1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows_that_tile_say_nothing(layer, shape):
    assert row_of(layer, shape).untiled is None


def test_the_table_marks_what_does_not_tile():
    description = zoo.describe(zoo.create("lenet5", input_shape=(45, 45, 1)))
    assert [row.name for row in description.rows if row.untiled] == ["s2"]
    marked = [line for line in str(description).splitlines() if "edge unseen" in line]
    assert len(marked) == 1
    assert marked[0].startswith("s2 ")


class Telling(layers.Layer):
    """A layer that tells its window and its operations itself."""

    def __init__(self, told, factor=1, **kwargs):
        super().__init__(**kwargs)
        self.told, self.factor = told, factor

    def call(self, images):
        for axis in (1, 2):
            images = keras.ops.repeat(images, self.factor, axis=axis)
        return images

    def window(self):
        return self.told

    def macs(self, input_shape, output_shape):
        return 1000 * input_shape[0] + output_shape[0]


def fields_behind(layer):
    image = keras.Input((12, 12, 1))
    x = layers.Conv2D(1, 3, strides=2, padding="same")(image)
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same", name="last")(layer(x)))
    return zoo.describe(model)


def test_a_layer_tells_its_own_window_and_macs():
    description = fields_behind(Telling(((3, 1), 1, (2, 1))))
    assert description.rows[-2].receptive_field == (3 + 4 * 2, 3)
    assert description.rows[-2].macs == 6006
    assert description["last"].receptive_field == (11 + 4, 7)


def test_a_window_may_enlarge():
    description = fields_behind(Telling((1, Fraction(1, 2), 1), factor=2))
    assert description.rows[-2].jump == (1, 1)
    assert description["last"].receptive_field == (5, 5)


def test_a_layer_may_see_the_whole_input():
    description = fields_behind(Telling(None))
    assert description.rows[-2].receptive_field == (12, 12)
    assert description.rows[-2].jump is None
    assert description["last"].receptive_field == (12, 12)


def test_spans_are_of_the_window_as_it_lies():
    slid = window.of(layers.Conv2D(1, (3, 5), dilation_rate=(2, 3)), 2)
    assert slid.spans == (4, 12)
    assert window.of(layers.ReLU(), 2) is None
