"""From arrays to batches: order, values, and the random changes made to them."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.tensorflow.trainer import TFEpochIterator

from recipes.data import augmentation, feeding
from recipes.data.prepared import Split
from recipes.recipe import Augmentation
from recipes.registry import get
from recipes.tasks import Context
from recipes.training import engine


@pytest.fixture
def subset():
    """Of a split of 100 images, each filled with its own index, the 90 whose index is no multiple of 10."""
    x = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 4, 5, 1))
    return Split(x, np.arange(100, dtype=np.int32) % 7).take([i for i in range(100) if i % 10])


def order(batches):
    return [int(round(255 * float(image[0, 0, 0]))) for i in range(len(batches)) for image in batches[i][0]]


def test_order_depends_on_seed_and_epoch_alone(subset):
    first = feeding.Batches(subset, 16, shuffle=3)
    orders = []
    for _ in range(3):
        orders.append(order(first))
        first.on_epoch_end()
    np.random.seed(0)
    for epoch in range(3):
        assert order(feeding.Batches(subset, 16, shuffle=3, epoch=epoch)) == orders[epoch]
    assert orders[0] != orders[1] != orders[2]
    assert order(feeding.Batches(subset, 16, shuffle=4)) != orders[0]


def test_evaluation_sees_every_example_once_in_order(subset):
    batches = feeding.Batches(subset, 16)
    assert order(batches) == subset.indices.tolist()
    assert [len(batches[i][1]) for i in range(len(batches))] == [16] * 5 + [10]


def test_training_sees_no_example_twice_and_batches_of_one_size(subset):
    batches = feeding.Batches(subset, 16, shuffle=0)
    seen = order(batches)
    assert len(set(seen)) == len(seen) == 80
    assert set(seen) <= set(subset.indices.tolist())
    assert {len(batches[i][1]) for i in range(len(batches))} == {16}
    assert set(order(feeding.Batches(subset, 15, shuffle=0))) == set(subset.indices.tolist())


def test_labels_stay_with_their_images(subset):
    batches = feeding.Batches(subset, 16, shuffle=5)
    for i in range(len(batches)):
        x, y = batches[i]
        np.testing.assert_array_equal(np.rint(255 * x[:, 0, 0, 0]).astype(int) % 7, y)


def test_pixels_are_float32_between_0_and_1(subset):
    x, _ = feeding.Batches(subset, 16)[0]
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0, 0, 0], subset.indices[:16] / 255, rtol=1e-6)


def test_arrays_that_are_no_pixels_stay_as_they_are():
    x = np.random.default_rng(0).normal(size=(6, 3, 2, 1)).astype(np.float32)
    batch, _ = feeding.Batches(Split(x, np.zeros(6, np.int32)).take(range(6)), 6)[0]
    np.testing.assert_array_equal(batch, x)


def test_batch_is_no_larger_than_the_subset(subset):
    assert len(feeding.Batches(subset, 1000, shuffle=0)) == 1


def test_binarised_evaluation_is_the_same_in_every_run(subset):
    first, second = (feeding.Batches(subset, size, binarize=True) for size in (16, 90))
    pixels = np.concatenate([first[i][0] for i in range(len(first))])
    assert set(np.unique(pixels)) == {0.0, 1.0}
    np.testing.assert_array_equal(pixels, second[0][0])


def test_binarised_pixels_have_their_intensities_as_means():
    images = np.full((400, 8, 8, 1), 0.3, np.float32)
    drawn = feeding.fixed_bernoulli(images, range(400))
    assert abs(drawn.mean() - 0.3) < 4 * np.sqrt(0.21 / drawn.size)
    assert np.abs(drawn.mean(0) - 0.3).max() < 5 * np.sqrt(0.21 / 400)


def test_random_binarization():
    layer = augmentation.RandomBinarization(seed=1)
    images = np.random.default_rng(0).random((200, 10, 10, 1), dtype=np.float32)
    np.testing.assert_array_equal(layer(images, training=False), images)
    drawn = np.stack([np.asarray(layer(images, training=True)) for _ in range(20)])
    assert set(np.unique(drawn)) == {0.0, 1.0}
    deviation = np.sqrt(images * (1 - images) / 20)
    assert np.mean(np.abs(drawn.mean(0) - images) < 3 * deviation + 0.05) > 0.99
    assert (drawn[0] != drawn[1]).any()
    again = augmentation.RandomBinarization.from_config(layer.get_config())
    np.testing.assert_array_equal(again(images, training=True), drawn[0])


def test_each_augmentation_is_one_layer_and_acts_in_training_only():
    every = Augmentation(
        translation=(0.2, 0.1), flip=True, rotation=0.1, zoom=(0.2, 0.2), erasing=0.9, binarize=True
    )
    stack = augmentation.layers(every, seed=0)
    assert [type(layer).__name__ for layer in stack] == [
        "RandomTranslation", "RandomRotation", "RandomZoom", "RandomFlip", "RandomErasing", "RandomBinarization",
    ]  # fmt: skip
    images = np.random.default_rng(0).random((8, 12, 12, 1), dtype=np.float32)
    for layer in stack:
        np.testing.assert_array_equal(layer(images, training=False), images)
        changed = np.asarray(layer(images, training=True))
        assert changed.shape == images.shape and (changed != images).any()
        assert changed.min() >= 0 and changed.max() <= 1 + 1e-6
    assert augmentation.layers(Augmentation(), seed=0) == []


def test_validation_is_a_stratified_part_of_training_data():
    y = np.repeat(np.arange(10, dtype=np.int32), 30)
    data = type("Data", (), {"train": Split(np.zeros((300, 4, 4, 1), np.uint8), y)})
    one, other = (Context(get("lenet5_digits", seed=seed), data) for seed in (1, 2))
    train, validation = one.train, one.validation
    assert train.split is validation.split is data.train
    assert sorted([*train.indices, *validation.indices]) == list(range(300))
    assert np.bincount(y[validation.indices]).tolist() == [3] * 10
    assert set(other.validation.indices) != set(validation.indices)


def test_random_equalization_is_a_parabola_over_frequency():
    layer = augmentation.RandomEqualization(0.3, seed=0)
    spectrograms = np.zeros((500, 5, 20, 1), np.float32)
    gains = np.asarray(layer(spectrograms, training=True))
    assert np.ptp(gains, axis=1).max() == 0  # the same in every frame
    f = np.linspace(-1, 1, 20)
    basis = np.stack([f, f**2 - 1 / 3], axis=1)
    coefficients, residual, *_ = np.linalg.lstsq(basis, gains[:, 0, :, 0].T, rcond=None)
    assert residual.max() < 1e-6
    assert coefficients.std(axis=1) == pytest.approx([0.3, 0.3], rel=0.1)
    assert abs(np.corrcoef(coefficients)[0, 1]) < 0.15
    np.testing.assert_array_equal(layer(spectrograms + 1, training=False), spectrograms + 1)


@pytest.mark.parametrize("kind", ["uint8", "float32", "conditional"])
@pytest.mark.parametrize("shuffle", [None, 3])
def test_tensorflow_makes_the_very_batches_that_keras_takes_from_python(kind, shuffle):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (103, 3, 4, 2)).astype("float32" if kind == "float32" else "uint8")
    subset = Split(x, rng.integers(0, 9, 103).astype("int64")).take(rng.permutation(103)[:90])
    seen = []
    for fed in (lambda batches: batches, engine.fed):
        random.seed(5)
        batches = fed(feeding.Batches(subset, 16, shuffle=shuffle, epoch=2, conditional=kind == "conditional"))
        strategy = tf.distribute.get_strategy()
        epochs = TFEpochIterator(x=batches, shuffle=shuffle is not None, distribute_strategy=strategy)
        epochs.reset()
        seen.append([keras.tree.map_structure(np.asarray, next(i)) for _ in range(3) for _, _, i in epochs])
    keras.tree.assert_same_structure(*seen)
    for usual, own in zip(*map(keras.tree.flatten, seen), strict=True):
        assert usual.dtype == own.dtype
        np.testing.assert_array_equal(usual, own)
    assert len(seen[0]) == 3 * (5 if shuffle else 6)


def test_batches_that_tensorflow_can_not_make_come_from_python(subset):
    drawn = feeding.Batches(subset, 16, binarize=True)
    shared = feeding.Batches(subset, 16, part=lambda size: slice(0, size // 2))
    assert engine.fed(drawn) is drawn
    assert engine.fed(shared) is shared
