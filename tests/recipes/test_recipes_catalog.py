"""Every recipe goes through its parts once: data, architecture, two training steps, score."""

import math

import numpy as np
import pytest

import recipes
from recipes import pipeline, registry, tasks
from recipes.data import feeding, generated, prepared
from recipes.training import batch_norm, fit

SHAPES = [(8, 8, 1), (28, 28, 1), (32, 32, 3), (96, 96, 3), (30, 50, 3)]
SMALLEST = {"capsnet": 17}  # pixels of a side that two of its windows need
OF_REFERENCES = (
    "fine_tuning_gain",
    "lead_over_filters",
    "negative_log_likelihood",
    "psnr_over_bicubic",
    "psnr_over_jpeg2000",
    "relative_to_pca",
)
LIMITS = {"separable_cnn_fashion_mnist": 60_000}


def in_memory(shape, classes=4, count=40, per_pixel=False):
    """A prepared set of random images, with a class an image or a pixel."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (count, *shape), np.uint8)
    masks = rng.integers(0, classes, (count, *shape[:2]), np.uint8)
    split = prepared.Split(x, masks if per_pixel else np.arange(count, dtype=np.int32) % classes)
    return prepared.Prepared("random", split, split, tuple(map(str, range(classes))), "made up")


def step(recipe, data):
    """Two training steps, then the score over a few test images."""
    model = pipeline.build(recipe, data)
    context = tasks.Context(recipe, data)
    train, conditional = context.train, tasks.conditional(recipe)
    batches = feeding.Batches(train, min(8, train.size), shuffle=0, conditional=conditional)
    trainee = fit.compile_trainee(recipe, model, 2, seed=0, shape=data.shape)
    with batch_norm.fused(model):
        losses = [trainee.train_on_batch(*batches[i], return_dict=True)["loss"] for i in range(2)]
    assert all(math.isfinite(loss) for loss in losses)
    some = feeding.Batches(data.test.take(range(12)), 8, binarize=recipe.features.binarize)
    some = [some[i] for i in range(len(some))]
    scores = tasks.get(recipe.task).score(tasks.keras_predictor(model), some, context)
    assert all(math.isfinite(score) for score in scores.values())
    return model, scores


@pytest.mark.parametrize("name", recipes.names())
def test_recipe_trains_and_is_scored(name, real_data, monkeypatch):
    # How well a classifier reads codes is tested with the task; here it is enough that it can.
    monkeypatch.setattr(tasks.get("representation"), "_STEPS", 60)
    recipe = recipes.get(name)
    if plan := generated.SETS.get(recipe.data):
        data = in_memory((*plan.size, 1), classes=11, per_pixel=plan.kind == "canvas")
    elif recipe.features.front_end != "none":
        real_data(recipe.data)
        data = in_memory((49, 20 if recipe.features.front_end == "log_mel" else 10, 1), classes=10)
    else:
        real_data(recipe.data)
        data = pipeline.prepare(recipe)
        data = data._replace(train=prepared.Split(data.train.x[:2000], data.train.y[:2000]))
    model, scores = step(recipe, data)
    assert recipe.expected.metric in {*scores, *OF_REFERENCES}
    assert model.count_params() <= LIMITS.get(name, math.inf)


@pytest.mark.parametrize("name", [n for n in recipes.names() if recipes.get(n).features.front_end == "none"])
def test_recipe_takes_images_of_other_data_sets(name):
    for shape in SHAPES:
        if min(shape[:2]) < SMALLEST.get(recipes.get(name).model, 0):
            continue
        model = pipeline.build(recipes.get(name), in_memory(shape))
        assert tuple(model.inputs[0].shape[1:]) == tasks.input_shape(recipes.get(name), shape)
        if recipes.get(name).task == "classification":
            assert model.output_shape == (None, 4)
        elif recipes.get(name).task == "segmentation":
            assert model.output_shape == (None, *shape[:2], 4)
        else:
            assert model.output_shape[1:] == shape


def test_small_set_trains(tmp_path):
    recipe = registry.get("lenet5_digits", batch_size=500)
    step(recipe, in_memory((28, 28, 1), classes=2, count=12))
