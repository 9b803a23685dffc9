"""Peaks of feature maps, worked out by hand."""

import keras
import pytest
from keras import layers

import zoo

MAP = 8 * 8 * 4 * 4  # bytes of (8, 8, 4) in float32


def same(filters=4, **options):
    return layers.Conv2D(filters, 3, padding="same", **options)


def peak(build, shape=(8, 8, 4)):
    image = keras.Input(shape)
    return zoo.describe(keras.Model(image, build(image))).activation_bytes


def block(x):
    """Convolution, normalisation and activation, which folds into one operator."""
    return layers.ReLU()(layers.BatchNormalization()(same()(x)))


def residual(x):
    return layers.ReLU()(layers.Add()([x, same()(block(x))]))


def read_again(x):
    x = same()(x)
    return layers.Add()([x, layers.ReLU()(x)])


def one_after_the_other(x):
    for _ in range(4):
        x = block(x)
    return x


NETS = {
    "input and output": (same(), 2),
    "wider": (same(12), 1 + 3),
    "folded": (block, 2),
    "a chain holds two": (one_after_the_other, 2),
    "a shortcut is held": (residual, 3),
    "activation beside its input": (read_again, 3),
    "a reshape moves nothing": (lambda x: layers.Dense(1)(layers.Flatten()(same()(x))), 2),
    "branches": (lambda x: layers.Add()([same()(x), same()(x), same()(x)]), 4),
    "joined": (lambda x: layers.Concatenate()([same()(x), same()(x)]), 4),
}


@pytest.mark.parametrize("net", NETS)
def test_peak_by_hand(net):
    build, maps = NETS[net]
    assert peak(build) == maps * MAP


def test_the_input_counts_only_until_it_was_read():
    assert peak(lambda x: same(1)(layers.MaxPooling2D(4)(x)), (32, 32, 1)) == 4 * (32 * 32 + 8 * 8)


def test_nested_models_are_followed_inside():
    image = keras.Input((8, 8, 4))
    inner = keras.Model(image, residual(image))
    assert peak(lambda x: inner(same()(x))) == 3 * MAP


def test_rows_hold_the_bytes_of_their_outputs():
    description = zoo.describe(zoo.create("lenet5"))
    assert description["c1"].activation_bytes == 4 * 28 * 28 * 6
    assert description["logits"].activation_bytes == 4 * 10
    assert description.activation_bytes == 4 * (28 * 28 * 6 + 14 * 14 * 6)


def test_sizes_that_are_not_fixed_have_no_bytes():
    image = keras.Input((None, None, 1))
    description = zoo.describe(keras.Model(image, same()(image)))
    assert description.activation_bytes is None
    assert description.rows[-1].activation_bytes is None
    assert "?" in str(description)


@pytest.mark.parametrize("name", zoo.list_models())
def test_peak_lies_between_the_largest_map_and_all_of_them(name):
    from zoo.registry import create_smallest

    description = zoo.describe(create_smallest(name))
    sizes = [row.activation_bytes for row in description.rows]
    assert max(sizes) <= description.activation_bytes <= 4 * sum(sizes)
