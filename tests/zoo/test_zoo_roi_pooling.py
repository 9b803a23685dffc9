"""Pooling of rectangles against a loop over cells."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.roi_pooling import ROIPooling


def cell_by_cell(maps, rectangles, size):
    n, height, width, channels = maps.shape
    outputs = np.empty((n, rectangles.shape[1], *size, channels))
    for i, k in np.ndindex(outputs.shape[:2]):
        top, left, bottom, right = rectangles[i, k]
        for row, column in np.ndindex(*size):
            rows = covered(top, bottom, height, row, size[0])
            columns = covered(left, right, width, column, size[1])
            outputs[i, k, row, column] = maps[i, rows, columns].max(axis=(0, 1))
    return outputs


def covered(low, high, pixels, cell, cells):
    start = (low + cell * (high - low) / cells) * pixels
    end = (low + (cell + 1) * (high - low) / cells) * pixels
    return slice(math.floor(start), math.ceil(max(end, start + 1 / 8)))


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.tuples(st.sampled_from([4, 8, 16]), st.sampled_from([4, 8, 16])),
    size=st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4])),
    seed=st.integers(0, 1000),
)
def test_equals_a_loop_over_cells(sizes, size, seed):
    """Edges at multiples of 1/64, which float32 computes with exactly."""
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(2, *sizes, 3)).astype("float32")
    low = rng.integers(0, 48, size=(2, 5, 2))
    high = low + rng.integers(1, 64 - low + 1)
    rectangles = (np.concatenate([low, high], axis=-1) / 64).astype("float32")
    layer = ROIPooling(size)
    expected = cell_by_cell(maps, rectangles, size)
    np.testing.assert_array_equal(layer(maps, rectangles), expected.astype("float32"))
    assert layer.compute_output_shape(maps.shape, rectangles.shape) == expected.shape


def test_the_whole_map_is_max_pooling():
    maps = np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype("float32")
    whole = np.tile(np.array([0, 0, 1, 1], "float32"), (2, 1, 1))
    expected = keras.layers.MaxPooling2D((4, 2))(maps)
    np.testing.assert_array_equal(ROIPooling((2, 3))(maps, whole)[:, 0], expected)


@pytest.mark.parametrize(
    ("rectangle", "pixel"),
    [
        ((0.5, 0.5, 0.5, 0.5), (2, 2)),
        ((1, 1, 1, 1), (3, 3)),
        ((-3, -2, -1, -1), (0, 0)),
        ((2, 0, 3, 0), (3, 0)),
    ],
)
def test_takes_in_one_pixel_at_least(rectangle, pixel):
    maps = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    pooled = ROIPooling(1)(maps, np.array([[rectangle]], "float32"))
    assert float(pooled[0, 0, 0, 0, 0]) == maps[0, pixel[0], pixel[1], 0]


def test_rectangles_of_any_number():
    inputs = [keras.Input((8, 8, 2)), keras.Input((None, 4))]
    model = keras.Model(inputs, ROIPooling(2)(*inputs))
    assert model.output_shape == (None, None, 2, 2, 2)
    rng = np.random.default_rng(0)
    maps = rng.random((2, 8, 8, 2), dtype="float32")
    corners = np.sort(rng.random((2, 7, 2, 2), dtype="float32"), axis=2).reshape(2, 7, 4)
    assert model.predict([maps, corners], verbose=0).shape == (2, 7, 2, 2, 2)


@pytest.mark.parametrize(
    ("maps", "rectangles", "message"),
    [
        ((None, 8, 1), (3, 4), "every pixel"),
        ((8, 8), (3, 4), "every pixel"),
        ((8, 8, 1), (3, 5), "top, left"),
    ],
)
def test_refuses_other_shapes(maps, rectangles, message):
    with pytest.raises(ValueError, match=message):
        ROIPooling(2)(keras.Input(maps), keras.Input(rectangles))
