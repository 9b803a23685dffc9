"""Comparisons: intervals and tests against formulas of their own, and what may be held against what."""

import json
import math
import pathlib
import shutil

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

import export
from recipes import RecipeError, pipeline, registry, tasks
from recipes.data.prepared import Split
from recipes.statistics import comparing, intervals
from recipes.statistics.comparing import Target


def test_interval_against_resampling_by_hand():
    """Percentiles of means drawn here, moved by Efron's formula; a mean's jackknife has a closed form."""
    from scipy.stats import norm

    rng = np.random.default_rng(3)
    values = rng.exponential(size=80) - 0.8
    means = values[rng.integers(0, 80, (200_000, 80))].mean(1)
    bias = norm.ppf((means < values.mean()).mean())
    centred = values - values.mean()
    acceleration = (centred**3).sum() / (6 * (centred**2).sum() ** 1.5)
    for level in (0.9, 0.95):
        reach = bias + norm.ppf([(1 - level) / 2, (1 + level) / 2])
        low, high = np.quantile(means, norm.cdf(bias + reach / (1 - acceleration * reach)))
        found = intervals.of_mean(values, level, resamples=200_000)
        assert found.value == pytest.approx(values.mean())
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.02 * (high - low))


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    found = [intervals.of_mean(rng.normal(0.3, 1, 60), 0.9, resamples=500) for _ in range(200)]
    held = np.mean([each.low <= 0.3 <= each.high for each in found])
    assert 0.83 <= held <= 0.96  # 0.9, three standard deviations, and a little for 500 resamples


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 60), st.sampled_from([0.25, 2.0, 1024.0]), st.integers(0, 99))
def test_intervals_grow_with_their_values(size, scale, seed):
    values = np.random.default_rng(seed).normal(size=size)
    plain, grown = (intervals.of_mean(values * by, resamples=300) for by in (1, scale))
    assert plain.low <= plain.value <= plain.high
    assert (grown.low, grown.high) == pytest.approx((plain.low * scale, plain.high * scale))


def test_equal_differences_have_an_interval_of_no_width():
    assert intervals.of_mean(np.zeros(9)) == intervals.Interval(0, 0, 0)
    assert not intervals.of_mean(np.zeros(9)).shows_a_difference
    assert intervals.of_mean([1, 1, 1]).shows_a_difference


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 9))
def test_mcnemar_against_the_binomial_sum(only_first, only_second, both):
    first = np.array([1] * only_first + [0] * only_second + [1] * both, bool)
    second = np.array([0] * only_first + [1] * only_second + [1] * both, bool)
    found, n = intervals.mcnemar(first, second), only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    assert (found.first, found.second) == (only_first, only_second)
    assert found.p_value == pytest.approx(min(1, 2 * tail))


def blurred(batch, signature=None):
    """A model whose code is the image itself and whose decoder blurs."""
    return batch if signature == "encode" else gaussian_filter(batch, (0, 1, 1, 0), mode="nearest")


@pytest.mark.parametrize(
    "recipe", ["autoencoder_mnist", "denoising_fashion_mnist", "super_resolution_photographs"]
)
def test_values_of_examples_average_to_the_headline(context_of, recipe):
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (30, 16, 16, 1)).astype(np.uint8), np.zeros(30, int))
    context = context_of(split, split, recipe=recipe)
    task = tasks.get(context.recipe.task)
    predict = blurred
    if context.recipe.task == "super_resolution":
        times = task.factor(context.recipe)

        def predict(batch, signature=None):
            return blurred(batch).repeat(times, 1).repeat(times, 2)

    batches = [(split.x[i : i + 8] / np.float32(255), split.y[i : i + 8]) for i in range(0, 30, 8)]
    values = task.per_example(predict, batches, context)
    assert values.shape == (30,)
    assert values.mean() == pytest.approx(task.score(predict, batches, context)[task.HEADLINE], rel=1e-5)


@pytest.mark.parametrize("recipe", ["vae_mnist", "ladder_vae_mnist", "conditional_vae_mnist"])
def test_bounds_of_images_average_to_the_headline(context_of, recipe):
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 2, (20, 28, 28, 1)).astype(np.float32), np.arange(20) % 10)
    data = pipeline.prepare(registry.get("lenet5_digits"))._replace(train=split, test=split)
    model = tasks.keras_predictor(pipeline.build(registry.get(recipe), data))
    context, task = context_of(split, split, recipe=recipe), tasks.get(registry.get(recipe).task)
    batches = [(split.x[i : i + 8], split.y[i : i + 8].astype(np.int32)) for i in range(0, 20, 8)]
    values = task.per_example(model, batches, context)
    assert values.mean() == pytest.approx(task.score(model, batches, context)[task.HEADLINE], rel=1e-5)


def test_files_of_a_run_are_compared(finished_run, edgezoo):
    folder = finished_run.run.path / "export"
    paths = [folder / "float32.tflite", folder / "int8.tflite"]
    ended = edgezoo("compare", *paths, "--json")
    assert ended.code == 0, ended.err
    content = json.loads(ended.out)
    (found,) = content["comparisons"]
    accuracies = [finished_run.report.file(p).metrics["accuracy"] for p in ("float32", "int8")]
    assert [group["mean"] for group in content["groups"]] == pytest.approx(accuracies)
    assert found["difference"]["value"] == pytest.approx(accuracies[1] - accuracies[0])
    data = pipeline.prepare(finished_run.run.recipe).test
    right = [export.load(path)(data.x / np.float32(255)).argmax(-1) == data.y for path in paths]
    counts = found["disagreement"]
    assert counts["first"] == (right[0] & ~right[1]).sum()
    assert counts["second"] == (right[1] & ~right[0]).sum()
    assert content["examples"] == len(data.y)


def test_seeds_of_one_recipe_are_taken_together(finished_run, tmp_path, edgezoo):
    """Three runs of one training, two of them said to be of other seeds, against the int8 file."""
    paths = [finished_run.run.path]
    for seed in (1, 2):
        path = shutil.copytree(finished_run.run.path, tmp_path / f"seed{seed}")
        recipe = msgspec.structs.replace(finished_run.run.recipe, seed=seed)
        (path / "recipe.json").write_bytes(msgspec.json.encode(recipe))
        paths.append(path)
    ended = edgezoo("compare", finished_run.run.path / "export" / "int8.tflite", *paths)
    assert ended.code == 0, ended.err
    assert "lenet5_digits model, seeds 0, 1, 2" in ended.out
    assert "McNemar" not in ended.out
    ended = edgezoo("compare", *paths, "--json")
    content = json.loads(ended.out)
    assert len(content["groups"]) == 3  # nothing else to hold them against
    assert all(each["difference"]["value"] == 0 for each in content["comparisons"])
    assert {each["verdict"] for each in content["comparisons"]} == {"no difference shown"}


def of(recipe, path="runs/a", **values):
    return Target(pathlib.Path(path), registry.get(recipe, **values), None)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([of("lenet5_digits")], "alone can't be compared"),
        ([of("lenet5_digits"), of("lenet5_mnist")], "data is digits and mnist"),
        ([of("lenet5_digits"), of("lenet5_digits", **{"features.folds": 5})], "features.folds is 0 and 5"),
        ([of("vae_mnist"), of("autoencoder_mnist")], "task is generation and reconstruction"),
    ],
)
def test_what_was_not_tested_alike_is_refused(targets, words):
    with pytest.raises(RecipeError, match=words):
        comparing.check(targets)
