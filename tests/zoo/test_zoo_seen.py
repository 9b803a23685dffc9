"""The pixels that a value is said to see, against those that change it."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import zoo
from zoo.layers.circular import CircularPadding2D
from zoo.layers.resize import NearestUpsampling2D

SIZE = 15


def conv(kernel, *inner, **options):
    return layers.Conv2D(1, kernel, *inner, use_bias=False, **options)


NETS = {
    "strided": lambda x: conv(3, 2, padding="same")(conv(4, 3, padding="same")(x)),
    "dilated": lambda x: conv(3, dilation_rate=3)(conv(3)(x)),
    "rectangular": lambda x: conv((1, 5))(conv((3, 2), (2, 1), padding="same")(x)),
    "pooled": lambda x: conv(3)(layers.MaxPooling2D(3, 2, padding="same")(conv(3)(x))),
    "branches": lambda x: layers.Add()([conv(k, padding="same")(x) for k in (5, (2, 7))]),
    "enlarged": lambda x: conv(3, padding="same")(NearestUpsampling2D((2, 3))(conv(3, 2)(x))),
    "transposed": lambda x: layers.Conv2DTranspose(1, 4, strides=2)(conv(3, 2)(x)),
    "transposed_same": lambda x: layers.Conv2DTranspose(1, 3, 2, padding="same")(conv(3, 2)(x)),
    "bilinear": lambda x: layers.UpSampling2D(2, interpolation="bilinear")(conv(3, 2)(x)),
    "padded": lambda x: layers.Cropping2D(((2, 0), (1, 3)))(
        conv(3)(layers.ZeroPadding2D(((1, 4), (3, 0)))(x))
    ),
    "global": lambda x: layers.Multiply()([conv(3)(x), layers.GlobalMaxPooling2D(keepdims=True)(x)]),
}


def probe(net):
    image = keras.Input((SIZE, SIZE, 1))
    model = keras.Model(image, net(image))
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    return model


def changing(model):
    """Whether an output changes with a pixel: `(pixel row, pixel column, output row, output column)`."""
    impulses = np.eye(SIZE * SIZE, dtype="float32").reshape(-1, SIZE, SIZE, 1)
    lit = np.ones_like(impulses[:1])
    responses = model.predict(lit + impulses, verbose=0) - model.predict(lit, verbose=0)
    dark = model.predict(impulses, verbose=0) - model.predict(0 * lit, verbose=0)
    changed = np.maximum(np.abs(responses), np.abs(dark)).max(-1) > 1e-6
    return changed.reshape(SIZE, SIZE, *changed.shape[1:])


def box(changed):
    """First and last row and column with a True, or None."""
    sides = [np.flatnonzero(changed.any(axis)) for axis in (1, 0)]
    return tuple((int(side[0]), int(side[-1])) for side in sides) if sides[0].size else None


def in_image(region):
    return tuple((max(0, first), min(SIZE - 1, last)) for first, last in region)


@pytest.mark.parametrize("net", NETS)
def test_region_is_what_changes_a_value(net):
    model = probe(NETS[net])
    changed = changing(model)
    for position in np.ndindex(changed.shape[2:]):
        region = zoo.pixels_seen(model, model.layers[-1].name, position)
        measured = box(changed[:, :, *position])
        assert measured is None or in_image(region) == measured, position


@settings(max_examples=15, deadline=None)
@given(
    kernels=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    strides=st.lists(st.integers(1, 2), min_size=3, max_size=3),
    dilation=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)
def test_size_is_the_receptive_field(kernels, strides, dilation, padding):
    x = image = keras.Input((96, 80, 2))
    for kernel, stride in zip(kernels, strides, strict=False):
        x = layers.MaxPooling2D(kernel, stride, padding=padding)(x)
    x = layers.Conv2D(2, 3, dilation_rate=dilation, padding=padding, name="last")(x)
    model = keras.Model(image, x)
    sizes = tuple(last - first + 1 for first, last in zoo.pixels_seen(model, "last"))
    assert sizes == zoo.describe(model)["last"].receptive_field


def test_lenet5_by_hand():
    model = zoo.create("lenet5")
    assert zoo.pixels_seen(model, "c1", (0, 0)) == ((-2, 2), (-2, 2))  # 2 pixels of padding
    assert zoo.pixels_seen(model, "s2", (3, 5)) == ((4, 9), (8, 13))
    assert zoo.pixels_seen(model, "c5") == ((-2, 29), (-2, 29))
    assert zoo.pixels_seen(model, "flatten") == zoo.pixels_seen(model, "logits")


def test_circular_padding_reaches_beyond_the_border():
    image = keras.Input((6, 6, 1))
    model = keras.Model(image, layers.Conv2D(1, 3, name="last")(CircularPadding2D((1, 2))(image)))
    assert zoo.pixels_seen(model, "last", (0, 0)) == ((-1, 1), (-2, 0))


def test_nested_models_and_codes():
    model = zoo.create("convolutional_autoencoder")
    assert zoo.pixels_seen(model, "encoder/block1_conv", (1, 1)) == ((2, 4), (2, 4))
    # All 7 x 7 values, of 3 x 3 windows at stride 2 twice: 0 to 6, 0 to 14, then 0 to 30.
    assert zoo.pixels_seen(model, "decoder/image") == ((0, 30), (0, 30))


@pytest.mark.parametrize("position", [(28, 0), (-1, 0), (0,), (1, 2, 3)])
def test_refuses_positions(position):
    with pytest.raises(ValueError, match="position="):
        zoo.pixels_seen(zoo.create("lenet5"), "c1", position)


def test_unknown_layer_names_the_layers():
    with pytest.raises(ValueError, match="c3"):
        zoo.pixels_seen(zoo.create("lenet5"), "c9")
