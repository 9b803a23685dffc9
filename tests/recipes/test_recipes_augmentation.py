"""Augmentation: what each layer does, seeded, on batches whose size is known only when they come."""


import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recipes
from recipes import pipeline, registry, rundir
from recipes.data import augmentation
from recipes.data.augmentation.gathering import interpolated
from recipes.recipe import Augmentation
from recipes.training import fit
from recipes.training.trainee import Trainee

EACH = {
    "crop": 2,
    "translation": (0.2, 0.1),
    "rotation": 0.1,
    "zoom": (0.2, 0.2),
    "elastic": (20.0, 2.0),
    "flip": True,
    "flip_vertical": True,
    "erasing": 0.9,
    "cutout": 5,
    "equalization": 0.5,
    "binarize": True,
}
MIXED = {"mixup": 0.4, "cutmix": 1.0}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((16, 12, 14, 3), dtype=np.float32)


def drawn(value, images, seed=0):
    """Images after the layer of one value, in training."""
    (layer,) = augmentation.layers(Augmentation(**{value: EACH[value]}), seed)
    return np.asarray(layer(images, training=True))


def test_every_value_is_tried():
    assert {*EACH, *MIXED} == set(Augmentation.__struct_fields__)


@pytest.mark.parametrize("value", EACH)
def test_seeded_and_at_rest_outside_training(value, images):
    changed = drawn(value, images)
    assert changed.shape == images.shape
    assert (changed != images).any()
    np.testing.assert_array_equal(drawn(value, images), changed)
    assert (drawn(value, images, seed=1) != changed).any()
    (layer,) = augmentation.layers(Augmentation(**{value: EACH[value]}), seed=0)
    np.testing.assert_array_equal(layer(images, training=False), images)
    twice = [np.asarray(layer(images, training=True)) for _ in range(2)]
    assert (twice[0] != twice[1]).any()
    if value != "equalization":
        assert changed.min() >= 0 and changed.max() <= 1 + 1e-6


@pytest.mark.parametrize("name", ["RandomShiftedCrop", "RandomCutout", "RandomElasticDeformation"])
def test_config_round_trip(name, images):
    arguments = {"RandomShiftedCrop": (2,), "RandomCutout": (4,), "RandomElasticDeformation": (9.0, 2.0)}
    layer = getattr(augmentation, name)(*arguments[name], seed=3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(images, training=True), layer(images, training=True))


def test_crop_is_a_shift_of_whole_pixels_for_each_image(images):
    changed = drawn("crop", images)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    found = []
    for image, source in zip(changed, padded, strict=True):
        places = [
            (y, x) for y in range(5) for x in range(5) if (source[y : y + 12, x : x + 14] == image).all()
        ]
        assert len(places) == 1
        found += places
    assert len(set(found)) > 5


def test_crop_draws_all_places_evenly():
    layer = augmentation.RandomShiftedCrop(1, seed=0)
    impulse = np.zeros((4500, 3, 3, 1), np.float32)
    impulse[:, 1, 1] = 1
    shares = np.asarray(layer(impulse, training=True)).mean(0)[..., 0]
    assert np.abs(shares - 1 / 9).max() < 5 * np.sqrt(1 / 9 * 8 / 9 / 4500)


def test_cutout_is_a_square_that_may_hang_over_the_edge():
    ones = np.ones((600, 9, 9, 2), np.float32)
    layer = augmentation.RandomCutout(4, seed=0)
    holes = np.asarray(layer(ones, training=True)) == 0
    assert (holes[..., 0] == holes[..., 1]).all()
    heights, widths = holes[..., 0].any(2).sum(1), holes[..., 0].any(1).sum(1)
    assert (holes[..., 0].sum((1, 2)) == heights * widths).all()
    assert set(heights) == set(widths) == {2, 3, 4}
    centre_is_covered = holes[:, 4, 4, 0].mean()
    assert centre_is_covered == pytest.approx(16 / 81, abs=0.08)


@settings(max_examples=20, deadline=None)
@given(shape=st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(2, 6)), seed=st.integers(0, 99))
def test_interpolation_is_that_of_numpy(shape, seed):
    rng = np.random.default_rng(seed)
    n, height, width = shape
    images = rng.random((n, height, width, 2), dtype=np.float32)
    rows, columns = rng.uniform(-2, 8, (2, n, 4, 5)).astype(np.float32)
    padded = np.pad(images, ((0, 0), (9, 9), (9, 9), (0, 0)))
    expected = np.zeros((n, 4, 5, 2))
    for place in np.ndindex(n, 4, 5):
        y, x = rows[place], columns[place]
        top, left = int(np.floor(y)), int(np.floor(x))
        for dy in (0, 1):
            for dx in (0, 1):
                weight = (1 - abs(y - top - dy)) * (1 - abs(x - left - dx))
                expected[place] += weight * padded[place[0], top + dy + 9, left + dx + 9]
    np.testing.assert_allclose(interpolated(images, rows, columns), expected, atol=1e-5)


def test_elastic_displacements_are_smooth_and_independent():
    layer = augmentation.RandomElasticDeformation(34.0, 4.0, seed=0)
    down, right = (np.asarray(field) for field in layer.displacements(60, 64, 64))
    inner = np.stack([down, right])[:, :, 12:-12, 12:-12]
    assert inner.std(axis=(1, 2, 3)) == pytest.approx([34 / (4 * np.sqrt(12 * np.pi))] * 2, rel=0.1)
    assert abs(np.corrcoef(down.ravel(), right.ravel())[0, 1]) < 0.1
    steps = np.diff(inner, axis=-1)
    # The autocorrelation of a blurred field at distance 1 is exp(-1 / (4 sigma^2)).
    assert steps.std() == pytest.approx(inner.std() * np.sqrt(2 * (1 - np.exp(-1 / 64))), rel=0.1)


def test_elastic_without_strength_changes_nothing(images):
    layer = augmentation.RandomElasticDeformation(0.0, 4.0, seed=0)
    np.testing.assert_allclose(layer(images, training=True), images, atol=1e-6)


def test_vertical_and_horizontal_flips_are_drawn_apart():
    image = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1).repeat(200, 0)
    for layer in augmentation.layers(Augmentation(flip=True, flip_vertical=True), seed=0):
        image = np.asarray(layer(image, training=True))
    assert {tuple(flipped.ravel()) for flipped in image} == {
        (0, 1, 2, 3),
        (1, 0, 3, 2),
        (2, 3, 0, 1),
        (3, 2, 1, 0),
    }


class Identity(keras.layers.Layer):
    """Gives the images back as logits of one position each."""

    def call(self, images):
        return images[:, 0, 0, :]


def trainee(seed=0, **values):
    layers = augmentation.mixing(Augmentation(**values), seed)
    return Trainee(keras.Sequential([keras.Input((6, 6, 5)), Identity()]), mixing=layers)


@pytest.mark.parametrize("values", [{"mixup": 0.4}, {"cutmix": 1.0}, MIXED], ids=str)
def test_labels_are_mixed_as_the_images_are(values):
    """Each image is filled with its own label, so a mixed image's mean is its label."""
    labels = np.arange(24) % 5
    images = np.eye(5, dtype=np.float32)[labels][:, None, None, :].repeat(6, 1).repeat(6, 2)
    model = trainee(**values)
    mixed, shares = (np.asarray(part) for part in model._mixed(keras.ops.convert_to_tensor(images)))
    targets, _ = model._aimed(labels, {"output": np.zeros((24, 5), np.float32), "shares": shares})
    targets = np.asarray(targets)
    np.testing.assert_allclose(targets.sum(1), 1, atol=1e-5)
    # CutMix counts a square's real area, the image has whole pixels.
    tolerance = 1e-5 if values == {"mixup": 0.4} else 0.3
    np.testing.assert_allclose(targets, mixed.mean((1, 2)), atol=tolerance)
    assert np.abs(targets - mixed.mean((1, 2))).mean() < 0.05
    assert ((targets > 0.05) & (targets < 0.95)).any()


@pytest.mark.parametrize("value", MIXED)
def test_mixing_is_seeded_and_rests_outside_training(value):
    images = np.random.default_rng(0).random((12, 6, 6, 5), dtype=np.float32)
    seen = [np.asarray(trainee(seed, **{value: MIXED[value]})._mixed(images)[0]) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] != seen[2]).any()
    model = trainee(**{value: MIXED[value]})
    np.testing.assert_array_equal(model(images, training=False), images[:, 0, 0])
    assert set(model(images, training=True)) == {"output", "shares"}


def test_loss_of_mixed_labels_is_the_mixture_of_losses():
    from recipes.tasks.classification import SmoothedCrossentropy

    rng = np.random.default_rng(0)
    logits, shares = rng.normal(size=(7, 4)).astype("float32"), rng.dirichlet(np.ones(4), 7).astype("float32")
    for smoothing in (0.0, 0.1):
        loss = SmoothedCrossentropy(smoothing, reduction="none")
        single = np.stack([np.asarray(loss(np.full(7, label), logits)) for label in range(4)], axis=1)
        np.testing.assert_allclose(loss(shares, logits), (shares * single).sum(1), rtol=1e-4)


ALL = {f"augmentation.{name}": value for name, value in {**EACH, **MIXED}.items() if name != "equalization"}
SMALL = {"batch_size": 256, "epochs": 3, "features.image_size": (12, 12)}


def test_all_at_once_resume_to_the_same_end(tmp_path, monkeypatch):
    """In the compiled step; a run stopped after its second epoch goes on with the same draws."""
    through = pipeline.start(registry.get("lenet5_digits", **SMALL, **ALL), tmp_path / "through")
    pipeline.train(through)
    stopped = pipeline.start(through.recipe, tmp_path / "stopped")

    def stop(stage, done, total):
        if stage.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.train(stopped, stop)
    assert len(stopped.history()) == 2
    pipeline.train(stopped)
    assert stopped.history() == through.history()
    assert all(np.isfinite(row["loss"]) for row in through.history())
    ends = [rundir.open_run(run.path).model() for run in (stopped, through)]
    for a, b in zip(*(model.weights for model in ends), strict=True):
        np.testing.assert_array_equal(a, b)
    names = {layer.name for layer in ends[0]._flatten_layers()}
    assert not any("random" in name or "mix" in name for name in names)


def test_training_accuracy_is_that_of_the_larger_share():
    recipe = registry.get("lenet5_digits", **{"augmentation.mixup": 0.4, "features.image_size": (12, 12)})
    data = pipeline.prepare(recipe)
    model = fit.compile_trainee(recipe, pipeline.build(recipe, data), 4, seed=0)
    shares = np.array([[0.7, 0.3], [0.4, 0.6]], np.float32)
    logits = np.eye(10, dtype=np.float32)[[3, 3]]
    said = model.compute_metrics(None, np.array([3, 5]), {"output": logits, "shares": shares})
    assert float(said["accuracy"]) == 0.5


@pytest.mark.parametrize("name", MIXED)
def test_mixing_is_for_classification(name, tmp_path):
    values = {"model": "convolutional_autoencoder", "task": "reconstruction", f"augmentation.{name}": 0.5}
    with pytest.raises(recipes.RecipeError, match=f"augmentation.{name}=0"):
        recipes.run("lenet5_digits", out=tmp_path / "run", **values)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crop", -1),
        ("crop", "1.5"),
        ("elastic", "3"),
        ("elastic", (-1, 4)),
        ("elastic", (34, 0)),
        ("cutout", -2),
        ("mixup", "-0.1"),
        ("mixup", "nan"),
        ("cutmix", "1.5"),
        ("flip_vertical", "2"),
    ],
)
def test_values_are_checked(name, value):
    with pytest.raises(recipes.RecipeError, match=f"augmentation.{name}"):
        registry.get("lenet5_digits", **{f"augmentation.{name}": value})


def test_jax_trains_with_what_keras_lacks(tmp_path, process, jax_backend):
    ours = {f"augmentation.{name}": {**EACH, **MIXED}[name] for name in ("crop", "elastic", "cutout", *MIXED)}
    values = {**ours, "epochs": 1, "batch_size": 256, "regularization.l1": 1e-4, "regularization.max_norm": 1}
    settings = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    path = tmp_path / "run"
    child = process("train", "lenet5_digits", "--out", path, *settings, **jax_backend)
    _, err = child.communicate(timeout=400)
    assert child.returncode == 0, err
    assert np.isfinite(rundir.open_run(path).history()[0]["val_loss"])
    norms = [
        np.sqrt(np.square(np.asarray(w)).sum(tuple(range(w.ndim - 1)))).max()
        for w in rundir.open_run(path).model().weights
        if w.name == "kernel"
    ]
    assert max(norms) <= 1 + 1e-4
