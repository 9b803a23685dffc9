"""Pictures of filters, maps and fields hold the numbers of the model they are drawn of."""

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from recipes import gradients, pictures

IMAGES = np.random.default_rng(0).random((4, 24, 24, 1), dtype="float32")


@pytest.fixture(scope="module")
def model():
    """A small dilated net whose blocks keep the resolution of 12 x 12 behind the stem."""
    keras.utils.set_random_seed(0)
    return zoo.create(
        "dilated_cnn", input_shape=(24, 24, 1), filters=(4, 8, 8), dilations=(1, 2), features=20
    )


def drawn(figure):
    """The arrays of the panels, in order, and the figure's own text."""
    arrays = [image.get_array() for axis in figure.axes for image in axis.get_images()]
    return [np.asarray(array) for array in arrays]


def support(field):
    """First and last row and column that are not zero."""
    sides = [np.flatnonzero(field.any(axis)) for axis in (1, 0)]
    return tuple((side[0], side[-1]) for side in sides)


def test_gradient_of_a_polynomial():
    def cubes(images):
        return keras.ops.sum(images**3)

    np.testing.assert_allclose(gradients.of_images(cubes, IMAGES), 3 * IMAGES**2, rtol=1e-5)


def test_filters_are_the_kernel(model):
    kernel = np.asarray(model.get_layer("block1_conv").kernel)  # (3, 3, 4, 8)
    figure = pictures.filters(model, "block1_conv")
    panels = drawn(figure)
    assert len(panels) == 4 * 8
    np.testing.assert_array_equal(panels[0], kernel[:, :, 0, 0])
    np.testing.assert_array_equal(panels[8 + 2], kernel[:, :, 1, 2])
    assert figure.get_suptitle() == "block1_conv: 8 filters"
    limits = {image.get_clim() for axis in figure.axes for image in axis.get_images()}
    assert limits == {(-np.abs(kernel).max(), np.abs(kernel).max())}


def test_at_most_so_many_filters(model):
    figure = pictures.filters(model, "features_conv", most=5)
    assert len(drawn(figure)) == 25
    assert figure.get_suptitle() == "features_conv: the first 5 of 20 filters"


@pytest.mark.parametrize(
    ("layer", "panels", "first"),
    [
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 6, lambda kernel: kernel[:, :, 0, 0]),
        (layers.Conv2DTranspose(5, 3), 15, lambda kernel: kernel[:, :, 0, 0]),
    ],
    ids=["depthwise", "transposed"],
)
def test_kernels_of_other_layouts(layer, panels, first):
    model = keras.Sequential([keras.Input((6, 6, 3)), layer])
    shown = drawn(pictures.filters(model, layer.name))
    assert len(shown) == panels
    np.testing.assert_array_equal(shown[0], first(np.asarray(layer.kernel)))


def test_feature_maps_are_the_layers_output(model):
    expected = keras.Model(model.input, model.get_layer("block2_relu").output)(IMAGES[:1])
    panels = drawn(pictures.feature_maps(model, "block2_relu", IMAGES[0]))
    np.testing.assert_allclose(panels, np.moveaxis(np.asarray(expected)[0], -1, 0), atol=1e-5)
    assert len(drawn(pictures.feature_maps(model, "features_relu", IMAGES[0], most=12))) == 12


def test_negative_values_are_blue(model):
    maps = {
        name: pictures.feature_maps(model, name, IMAGES[0]).axes[0].get_images()[0]
        for name in ("block1_conv", "block1_relu")
    }
    assert {name: image.get_cmap().name for name, image in maps.items()} == {
        "block1_conv": "RdBu_r",
        "block1_relu": "gray",
    }


def test_strongest_patches_hold_what_excites_a_map():
    image = keras.Input((9, 9, 1))
    model = keras.Model(image, layers.AveragePooling2D(3, 2, name="mean")(image))
    pixels = np.zeros((4, 9, 9, 1), np.float32)
    for i, (row, column, value) in enumerate([(4, 5, 0.2), (3, 3, 0.9), (7, 1, 0.5), (1, 1, 0.1)]):
        pixels[i, row, column] = value
    patches = pictures.strongest_patches(model, "mean", pixels, most=3)
    assert patches.shape == (1, 3, 3, 3, 1)
    np.testing.assert_array_equal(patches.max(axis=(2, 3, 4)), np.float32([[0.9, 0.5, 0.2]]))
    np.testing.assert_array_equal(patches.sum(axis=(2, 3, 4)), np.float32([[0.9, 0.5, 0.2]]))


def test_patches_end_in_zeros_outside_the_image():
    image = keras.Input((8, 8, 1))
    kernel = {"kernel_initializer": "ones", "padding": "same", "name": "sum"}
    model = keras.Model(image, layers.Conv2D(1, 3, **kernel)(image))
    corner = np.zeros((1, 8, 8, 1), np.float32)
    corner[0, 0, 0] = 1
    (patch,) = pictures.strongest_patches(model, "sum", corner)[0]
    np.testing.assert_array_equal(patch[..., 0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_patches_give_the_values_they_were_chosen_for(model):
    """The kernel over a patch alone gives the value that the map has in the image."""
    patches = pictures.strongest_patches(model, "stem_conv", IMAGES, most=2)
    responses = keras.Model(model.input, model.get_layer("stem_conv").output)
    largest = np.sort(np.asarray(responses(IMAGES)).max(axis=(1, 2)), axis=0)[::-1]  # (n, maps)
    assert patches.shape == (4, 2, 3, 3, 1)
    kernel = np.asarray(model.get_layer("stem_conv").kernel)  # (3, 3, 1, maps)
    alone = np.einsum("mkhwc,hwcm->km", patches, kernel)
    np.testing.assert_allclose(alone, largest[:2], rtol=1e-4)


def test_strongest_draws_the_patches(model):
    figure = pictures.strongest(model, "block1_relu", IMAGES, maps=3, most=2)
    patches = pictures.strongest_patches(model, "block1_relu", IMAGES, most=2)
    np.testing.assert_array_equal(drawn(figure), patches[:3].reshape(6, *patches.shape[2:4]))
    assert figure.get_suptitle() == "block1_relu: the first 3 of 8 maps, patches of 7 × 7"


@pytest.mark.parametrize("layer", ["stem_conv", "block1_relu", "block2_relu"])
def test_gradients_reach_exactly_the_theoretical_field(model, layer):
    field = pictures.effective_field(model, layer, IMAGES)
    assert field.shape == (24, 24)
    assert field.sum() == pytest.approx(1, abs=1e-5)
    region = zoo.pixels_seen(model, layer)
    assert support(field) == tuple((max(0, first), min(23, last)) for first, last in region)
    assert tuple(last - first + 1 for first, last in region) == zoo.describe(model)[layer].receptive_field


def test_field_of_a_mean_is_even():
    image = keras.Input((9, 9, 1))
    model = keras.Model(image, layers.AveragePooling2D(3, 3, name="mean")(image))
    field = pictures.effective_field(model, "mean", IMAGES[:, :9, :9])
    expected = np.zeros((9, 9))
    expected[3:6, 3:6] = 1 / 9
    np.testing.assert_allclose(field, expected, atol=1e-6)


def test_dilation_leaves_holes():
    image = keras.Input((9, 9, 1))
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same", dilation_rate=2, name="dilated")(image))
    seen = pictures.effective_field(model, "dilated", IMAGES[:, :9, :9]) > 0
    assert seen.sum() == 9 and seen[2:7:2, 2:7:2].all()


def test_receptive_fields_are_framed(model):
    figure = pictures.receptive_fields(model, ("stem_conv", "block2_relu"), IMAGES)
    panels = [axis for axis in figure.axes if axis.get_images()]
    for axis, layer in zip(panels, ("stem_conv", "block2_relu"), strict=True):
        (frame,) = axis.patches
        (top, bottom), (left, right) = zoo.pixels_seen(model, layer)
        assert frame.get_bbox().bounds == (left - 0.5, top - 0.5, right - left + 1, bottom - top + 1)
        field = pictures.effective_field(model, layer, IMAGES)
        np.testing.assert_allclose(axis.get_images()[0].get_array(), field / field.max(), rtol=1e-5)
        assert layer in axis.get_title() and f"{bottom - top + 1} × " in axis.get_title()


def test_pictures_can_be_saved(model, tmp_path):
    for name, figure in {
        "filters": pictures.filters(model, "stem_conv"),
        "maps": pictures.feature_maps(model, "stem_relu", IMAGES[0]),
        "fields": pictures.receptive_fields(model, ("stem_conv",), IMAGES),
    }.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 3000


def test_refuses_layers_that_are_not_there(model):
    for draw in (
        lambda: pictures.filters(model, "nothing"),
        lambda: pictures.feature_maps(model, "nothing", IMAGES[0]),
        lambda: pictures.effective_field(model, "nothing", IMAGES),
    ):
        with pytest.raises(ValueError, match="'nothing' is no layer of dilated_cnn"):
            draw()


def test_refuses_layers_of_another_kind(model):
    with pytest.raises(ValueError, match="Pass the name of a convolution"):
        pictures.filters(model, "logits")
    with pytest.raises(ValueError, match="no map"):
        pictures.feature_maps(model, "logits", IMAGES[0])
    with pytest.raises(ValueError, match="no map"):
        pictures.effective_field(model, "logits", IMAGES)
