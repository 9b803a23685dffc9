"""Masked pre-training: how many patches are hidden, which, and that nothing is at inference."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.patch_masking import PatchMasking, keep_visible

FEW = st.integers(1, 4)


def patches(mask, size):
    """`(n, h, w, 1)` to `(n, patches, pixels of a patch)`."""
    n, height, width, _ = mask.shape
    mask = mask.reshape(n, height // size[0], size[0], width // size[1], size[1])
    return mask.transpose(0, 1, 3, 2, 4).reshape(n, -1, size[0] * size[1])


@settings(max_examples=20, deadline=None)
@given(
    grid=st.tuples(st.integers(2, 5), st.integers(2, 5)),
    size=st.tuples(FEW, FEW),
    ratio=st.floats(0.3, 0.8),
    seed=st.integers(0, 99),
)
def test_hides_whole_patches_and_as_many_in_each_image(grid, size, ratio, seed):
    images = np.ones((6, grid[0] * size[0], grid[1] * size[1], 2), "float32")
    layer = PatchMasking(size, ratio, return_mask=True, seed=seed)
    masked, mask = (np.asarray(output) for output in layer(images, training=True))
    np.testing.assert_array_equal(masked, images * (1 - mask))
    cut = patches(mask, size)
    assert set(np.unique(cut)) == {0, 1}
    np.testing.assert_array_equal(cut.min(axis=2), cut.max(axis=2))
    np.testing.assert_array_equal(cut[..., 0].sum(axis=1), round(ratio * grid[0] * grid[1]))


def test_every_patch_is_hidden_equally_often():
    layer = PatchMasking(2, 0.75, return_mask=True, seed=1)
    _, mask = layer(np.ones((4000, 4, 6, 1), "float32"), training=True)
    # 4000 draws of 4 or 5 of 6 patches: round(4.5) is 4, and the standard deviation 0.0075.
    np.testing.assert_allclose(patches(np.asarray(mask), (2, 2)).mean(axis=(0, 2)), 4 / 6, atol=0.04)


def test_seed():
    images = np.ones((3, 8, 8, 1), "float32")
    first, again, other = (PatchMasking(2, seed=seed) for seed in (1, 1, 2))
    drawn = np.asarray(first(images, training=True))
    np.testing.assert_array_equal(drawn, again(images, training=True))
    assert (drawn != np.asarray(other(images, training=True))).any()
    assert (drawn != np.asarray(first(images, training=True))).any()


def test_passes_everything_at_inference():
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(PatchMasking(4)(images), images)
    passed, mask = PatchMasking(4, return_mask=True)(images)
    np.testing.assert_array_equal(passed, images)
    np.testing.assert_array_equal(mask, np.zeros((2, 8, 8, 1)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_features_are_hidden_where_the_image_was(data_format):
    first = data_format == "channels_first"
    images = np.ones((2, 3, 8, 12) if first else (2, 8, 12, 3), "float32")
    layer = PatchMasking(4, 0.5, return_mask=True, seed=3, data_format=data_format)
    masked, mask = (np.asarray(output) for output in layer(images, training=True))
    assert layer.compute_output_shape(images.shape) == (masked.shape, mask.shape)
    stride = (slice(None), slice(None), slice(1, None, 2), slice(1, None, 2))
    stride = stride if first else (slice(None), *stride[2:])
    np.testing.assert_array_equal(keep_visible(images[stride], mask, data_format), masked[stride])


def test_a_convolution_sees_no_hidden_pixel():
    """With the features masked before each layer, hidden pixels do not change what is visible."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(1, 8, 8, 1)).astype("float32")
    _, mask = PatchMasking(4, 0.5, return_mask=True, seed=3)(images, training=True)
    conv = keras.layers.Conv2D(2, 3, strides=2, padding="same")
    noisy = images + np.asarray(mask) * rng.normal(size=images.shape).astype("float32")
    seen = [keep_visible(conv(keep_visible(each, mask)), mask) for each in (images, noisy)]
    np.testing.assert_array_equal(*map(np.asarray, seen))


def test_trains_a_reconstruction_of_what_is_hidden():
    image = keras.Input((8, 8, 1))
    masked, mask = PatchMasking(4, 0.5, return_mask=True, seed=1)(image)
    model = keras.Model(image, keras.layers.Conv2D(1, 5, padding="same")(masked) * mask)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    images = np.ones((8, 8, 8, 1), "float32")
    losses = [model.train_on_batch(images, 0.5 * images) for _ in range(10)]
    assert np.isfinite(losses).all()
    assert not np.any(model.predict(images, verbose=0))


@pytest.mark.parametrize(
    ("given", "shape", "match"),
    [
        ({"patch_size": 3}, (1, 8, 9, 1), "do not tile"),
        ({"patch_size": 4, "ratio": 0.1}, (1, 8, 8, 1), "hides 0 of 4"),
        ({"patch_size": 4, "ratio": 0.95}, (1, 8, 8, 1), "hides 4 of 4"),
    ],
)
def test_refuses_images(given, shape, match):
    with pytest.raises(ValueError, match=match):
        PatchMasking(**given)(np.ones(shape, "float32"))


@pytest.mark.parametrize("given", [{"patch_size": 0}, {"ratio": 1.0}, {"ratio": -0.1}])
def test_refuses_arguments(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        PatchMasking(**given)


def test_refuses_features_of_another_image():
    with pytest.raises(ValueError, match="divide the mask's"):
        keep_visible(np.ones((1, 3, 4, 2)), np.ones((1, 8, 8, 1)))
