"""FSRCNN, and the bicubic reduction that its pictures are made small by."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import export
import zoo
from zoo.layers.bicubic import BicubicDownsampling2D


def pillow(image, size, box=None):
    """`image` `(h, w)` resampled bicubically, without aliasing, to `(height, width)`."""
    picture = Image.fromarray(image, mode="F")
    return np.asarray(picture.resize(size[::-1], Image.Resampling.BICUBIC, box=box))


@given(
    small=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    factor=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    channels=st.integers(1, 3),
)
@settings(max_examples=12, deadline=None)
def test_reduction_is_pillows(small, factor, channels):
    """Within the rounding to 8 bits, and rounded."""
    size = tuple(s * f for s, f in zip(small, factor, strict=True))
    images = np.random.default_rng(0).random((2, *size, channels), dtype="float32")
    outputs = np.asarray(BicubicDownsampling2D(factor)(images))
    assert outputs.shape == (2, *small, channels)
    for i in range(2):
        for c in range(channels):
            expected = np.clip(pillow(images[i, ..., c], small), 0, 1)
            assert np.abs(outputs[i, ..., c] - expected).max() < 0.501 / 255
    levels = outputs * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)


def test_reduction_has_no_aliasing():
    """Stripes of one pixel become grey, where every second pixel would be black."""
    stripes = np.zeros((1, 16, 16, 1), "float32")
    stripes[:, :, ::2] = 1
    inner = np.asarray(BicubicDownsampling2D(2)(stripes))[0, 2:-2, 2:-2]
    assert np.abs(inner - 0.5).max() < 0.04


def test_reduction_with_channels_first():
    images = np.random.default_rng(0).random((2, 8, 6, 3), dtype="float32")
    last = BicubicDownsampling2D((4, 2), data_format="channels_last")(images)
    first = BicubicDownsampling2D((4, 2), data_format="channels_first")
    np.testing.assert_allclose(np.moveaxis(first(np.moveaxis(images, -1, 1)), 1, -1), last, atol=1e-6)
    assert first.compute_output_shape((None, 3, 8, 6)) == (None, 3, 2, 3)


def test_reduction_config_and_dtype():
    layer = BicubicDownsampling2D(2, name="reduction")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is BicubicDownsampling2D
    assert copy.get_config() == layer.get_config()
    for policy in ("mixed_float16", "mixed_bfloat16"):
        half = BicubicDownsampling2D(2, dtype=policy)
        outputs = half(np.random.default_rng(0).random((2, 8, 6, 3), dtype="float32"))
        assert keras.backend.standardize_dtype(outputs.dtype) == half.compute_dtype


def test_reduction_refuses():
    with pytest.raises(ValueError, match="factor=0"):
        BicubicDownsampling2D(0)
    with pytest.raises(ValueError, match="9, 8.*expected a height and a width that the factor divides"):
        BicubicDownsampling2D(2)(np.zeros((1, 9, 8, 1), "float32"))


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("shape", [(8, 10, 1), (7, 5, 3)])
def test_output_is_larger_by_the_factor(shape, factor):
    model = zoo.create("fsrcnn", input_shape=shape, factor=factor, filters=4, shrunk=2, mappings=1)
    assert model.output_shape == (None, shape[0] * factor, shape[1] * factor, shape[2])


def test_published_size():
    """Section 3.3: 25 d + s d + 9 m s² + d s + 81 d weights; biases are added."""
    d, s, m = 56, 12, 4
    model = zoo.create("fsrcnn", filters=d, shrunk=s, mappings=m, enlarging_kernel=9, residual=False)
    assert model.count_params() == 25 * d + s * d + 9 * m * s**2 + d * s + 81 * d + (d + s + m * s + d + 1)
    assert len(model.get_config()["layers"]) == 2 + 2 * (m + 3) + 1


def test_starts_as_bilinear_interpolation():
    """The enlarging layer begins with weights near 0, so that training only has to add detail."""
    keras.utils.set_random_seed(0)
    model = zoo.create("fsrcnn", input_shape=(9, 7, 1))
    images = np.random.default_rng(0).random((3, 9, 7, 1), dtype="float32")
    smooth = keras.layers.UpSampling2D(2, interpolation="bilinear")(images)
    assert np.abs(np.asarray(model(images)) - smooth).max() < 0.05


def test_learns_more_than_interpolation():
    """Edges at random places and angles, sharpened beyond what bicubic interpolation gives."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:24, 0:24] - 11.5
    angle, offset = rng.uniform(0, 2 * np.pi, (2, 160, 1, 1))
    away = np.cos(angle) * rows + np.sin(angle) * columns + offset - np.pi
    large = (1 / (1 + np.exp(-4 * away)))[..., None].astype("float32")
    small = np.asarray(BicubicDownsampling2D(2)(large))
    model = zoo.create("fsrcnn", input_shape=(12, 12, 1), filters=12, shrunk=6, mappings=1)
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    model.fit(small[:128], large[:128], batch_size=16, epochs=15, verbose=0)
    bicubic = np.stack([pillow(image[..., 0], (24, 24)) for image in small[128:]])[..., None]
    errors = [np.square(x - large[128:]).mean() for x in (model.predict(small[128:], verbose=0), bicubic)]
    assert errors[0] < 0.5 * errors[1]


def test_file_has_one_way_to_enlarge():
    """Convolutions with their ReLUs, one enlargement of features, one of the image, their sum."""
    model = zoo.create("fsrcnn", input_shape=(12, 12, 1), filters=8, shrunk=4, mappings=1)
    operators = dict(export.inspect(export.convert(model, ("float32",))["float32"]).operators)
    assert operators.pop("CONV_2D") >= 4
    assert operators.pop("RESIZE_BILINEAR") == 1
    assert operators.pop("ADD") == 1
    assert sum(operators.values()) <= 3  # DEPTH_TO_SPACE or TRANSPOSE_CONV, and the limits


@pytest.mark.parametrize(
    ("given", "said"),
    [({"factor": 0}, "factor=0"), ({"shrunk": 1.5}, "shrunk=1.5"), ({"input_shape": (8, 8)}, "image")],
)
def test_refuses_arguments(given, said):
    with pytest.raises(ValueError, match=said):
        zoo.create("fsrcnn", **given)
