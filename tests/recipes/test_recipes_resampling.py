"""Metrics of resamples, against scikit-learn on the drawn examples themselves and scipy's paired bootstrap."""

import pathlib
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, roc_auc_score

from recipes import RecipeError, pipeline, registry, tasks
from recipes.cli import comparing as cli
from recipes.data.feeding import test_batches as batches_of
from recipes.recipe import TaskName
from recipes.statistics import comparing, intervals
from recipes.statistics.comparing import Group, Target
from recipes.tasks import anomaly, entropy_coding, representation, retrieval, segmentation


def drawn(rng, n, resamples=4):
    """How often each of `n` examples is in each resample; the first one is all of them."""
    return np.concatenate([np.ones((1, n)), rng.multinomial(n, np.full(n, 1 / n), resamples)])


def repeated(values, counts):
    return np.repeat(values, counts.astype(int), axis=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 60), st.integers(0, 99), st.sampled_from([2, 1000]))
def test_auc_of_resamples(n, seed, steps):
    """With few different errors, most pairs are equal."""
    rng = np.random.default_rng(seed)
    values = np.stack([rng.integers(0, steps, n) / steps, np.arange(n) % 4 == 0], axis=1).astype(float)
    counts = drawn(rng, n)
    for found, count in zip(anomaly.resampled(values, counts)["roc_auc"], counts, strict=True):
        errors, anomalous = repeated(values, count).T
        if len(set(anomalous)) == 2:
            assert found == pytest.approx(roc_auc_score(anomalous, errors))
        else:
            assert np.isnan(found)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(2, 5), st.integers(0, 99))
def test_overlap_of_resamples(n, classes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, rng.integers(1, classes + 1), (n, 3, 4))  # not all classes occur
    guesses = np.where(rng.random(labels.shape) < 0.7, labels, rng.integers(0, classes, labels.shape))
    values = segmentation.confusions(labels, np.eye(classes)[guesses])
    for i in range(n):
        expected = confusion_matrix(labels[i].ravel(), guesses[i].ravel(), labels=range(classes))
        np.testing.assert_array_equal(values[i], expected)
    counts = drawn(rng, n)
    found = segmentation.resampled(values, counts)
    for i, count in enumerate(counts):
        truth, guess = (repeated(pixels, count).ravel() for pixels in (labels, guesses))
        assert found["mean_iou"][i] == pytest.approx(jaccard_score(truth, guess, average="macro"))
        assert found["pixel_accuracy"][i] == pytest.approx(accuracy_score(truth, guess))


def test_precision_of_resamples():
    rng = np.random.default_rng(0)
    labels, asked = rng.integers(0, 3, 50), rng.integers(0, 3, 20)
    answers = [rng.integers(0, 50, size) for size in rng.integers(0, 3, 20)]
    values, counts = retrieval._shares(answers, labels, asked), drawn(rng, 20, 20)
    assert 0 < np.isnan(values).sum() < 20
    found = retrieval.resampled(values, counts)
    for i, count in enumerate(counts):
        chosen = repeated(np.arange(20), count)
        expected = retrieval.precision([answers[j] for j in chosen], labels, asked[chosen])
        assert found["precision_radius_2"][i] == pytest.approx(expected)
        empty = np.mean([len(answers[j]) == 0 for j in chosen])
        assert found["unanswered_radius_2"][i] == pytest.approx(empty)
    assert retrieval.resampled(np.array([np.nan]), np.ones((1, 1)))["precision_radius_2"] == [0]


@settings(max_examples=10, deadline=None)
@given(st.integers(50, 300), st.integers(0, 99))
def test_bits_of_codes_add_up_to_the_stream(n, seed):
    """Values that the tables have not seen, written out, among them."""
    rng = np.random.default_rng(seed)
    codes = rng.normal(0, 6, (n, 7)).round()
    codec = entropy_coding.Codec(rng.normal(0, 4, (200, 7)).round())
    bits = codec.bits(codes)
    assert bits.shape == (n,) and (bits > 0).all()
    assert 8 * len(codec.encode(codes)) == pytest.approx(bits.sum(), rel=1e-3, abs=96)


def test_interval_is_that_of_scipys_paired_bootstrap():
    rng = np.random.default_rng(1)
    anomalous = np.arange(90) % 5 == 0
    first = rng.normal(size=90) + anomalous
    second = first + rng.normal(0, 0.5, 90) + 0.5 * anomalous

    def difference(labels, one, other):
        return roc_auc_score(labels, other) - roc_auc_score(labels, one)

    def of_counts(counts):
        one, other = (np.stack([errors, anomalous], 1) for errors in (first, second))
        return anomaly.resampled(other, counts)["roc_auc"] - anomaly.resampled(one, counts)["roc_auc"]

    found = intervals.of_statistic(of_counts, 90, 0.9, resamples=600)
    expected = bootstrap(
        (anomalous, first, second),
        difference,
        paired=True,
        vectorized=False,
        n_resamples=600,
        confidence_level=0.9,
        method="BCa",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    assert found.value == pytest.approx(difference(anomalous, first, second))
    width = expected.high - expected.low  # draws that come out as all examples do are ties but for rounding
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.01 * width)


def test_mean_as_a_statistic_has_the_interval_of_a_mean():
    values = np.random.default_rng(0).exponential(size=50)
    found = intervals.of_statistic(lambda counts: counts @ values / counts.sum(1), 50)
    expected = intervals.of_mean(values)
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def coarse(batch, signature=None):
    """A model whose code is a picture of 7×7 and whose decoder enlarges that; else it blurs."""
    if signature == "encode":
        return 8 * batch.reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(len(batch), 49)
    if signature == "decode":
        return np.reshape(batch, (-1, 7, 7, 1)).repeat(4, 1).repeat(4, 2).astype(np.float32) / 8
    return gaussian_filter(batch, (0, 1, 1, 0), mode="nearest")


def few_bits(batch, signature=None):
    return coarse(batch, "encode")[:, 10:40:2] / 8


def few_pixels(batch, signature=None):
    return batch.reshape(len(batch), -1)[:, 300:500:20] if signature == "encode" else 0 * batch


@pytest.mark.parametrize(
    ("task", "predict", "more"),
    [
        ("anomaly", coarse, {"features.left_out": "4"}),
        ("compression", coarse, {}),
        ("feature_selection", few_pixels, {}),
        ("representation", coarse, {}),
        ("retrieval", few_bits, {}),
    ],
)
def test_all_examples_once_give_what_is_scored(task, predict, more, monkeypatch):
    monkeypatch.setattr(representation, "_STEPS", 300)
    recipe = registry.get("lenet5_digits", task=task, **more)
    data = pipeline.prepare(recipe)
    context = tasks.Context(recipe, data)
    values = tasks.get(task).per_example(predict, batches_of(recipe, data), context)
    assert len(values) == len(data.test.y)
    found = tasks.resampled(recipe, values, np.ones((1, len(values))))
    scores = tasks.get(task).score(predict, batches_of(recipe, data), context)
    assert next(iter(found)) == tasks.get(task).HEADLINE
    for name, (value,) in found.items():
        tolerance = 2e-3 if name == "bits_per_pixel" else 1e-6  # the end of the stream
        assert value == pytest.approx(scores[name], rel=tolerance)


def test_every_task_can_be_compared():
    assert all(hasattr(tasks.get(name), "per_example") for name in get_args(TaskName))


def group(name, values, recipe="anomaly_digits_mnist", seeds=(0,), **more):
    targets = tuple(
        Target(pathlib.Path(name), registry.get(recipe, seed=seed, **more), None) for seed in seeds
    )
    return Group(name, targets, np.asarray(values, float))


def test_what_the_headline_is_bought_with_is_shown(capsys):
    """A codec with better pictures that takes more bits for each."""
    rng = np.random.default_rng(0)
    plain = rng.uniform(1, 2, (40, 2))
    groups = [group("a", [plain], "compression_fashion_mnist")]
    groups.append(group("b", [plain + np.array([-0.5, 0.25])], "compression_fashion_mnist"))
    (found,) = comparing.compare(groups)
    assert found.better and found.difference.value == pytest.approx(-0.5)
    assert found.beside["bits_per_pixel"].value == pytest.approx(0.25)
    assert found.beside["bits_per_pixel"].shows_a_difference
    cli._print(groups, [found], 0.95)
    told = capsys.readouterr().out
    assert "squared_error" in told and "bits_per_pixel" in told and told.count("better") == 1
    content = cli._content(groups, [found], 0.95)
    assert content["groups"][1]["beside"]["bits_per_pixel"]["mean"] == pytest.approx(
        plain[:, 1].mean() + 0.25
    )
    assert content["comparisons"][0]["beside"]["bits_per_pixel"]["value"] == pytest.approx(0.25)


def test_runs_of_several_seeds_count_by_the_mean_of_their_metrics(capsys):
    """Not by the metric of their mean errors; and overlapping ranges are warned of."""
    rng, anomalous = np.random.default_rng(0), np.arange(400) % 4 == 0

    def runs(*shifts):
        return [np.stack([rng.normal(size=400) + shift * anomalous, anomalous], 1) for shift in shifts]

    seeds = {"seeds": (0, 1), "features.left_out": "4"}
    groups = [group("a", runs(0.2, 1.5), **seeds), group("b", runs(1.3, 2.5), **seeds)]
    (found,) = comparing.compare(groups)
    one, other = (
        np.mean([roc_auc_score(values[:, 1], values[:, 0]) for values in each.values]) for each in groups
    )
    assert found.difference.value == pytest.approx(other - one)
    assert found.overlap and found.verdict == "better"
    cli._print(groups, [found], 0.95)
    assert "other seeds may turn it round" in capsys.readouterr().err.replace("\n", " ")


def test_equal_models_are_not_told_apart():
    values = [np.stack([np.arange(40) % 7, np.arange(40) % 2 == 0], 1)]
    (found,) = comparing.compare([group("a", values), group("b", values)])
    assert (found.difference.low, found.difference.high) == (0, 0) and found.verdict == "no difference shown"


def test_too_few_of_a_kind_have_no_interval():
    rng = np.random.default_rng(0)
    groups = [group(name, [np.stack([rng.normal(size=9), np.arange(9) == 4], 1)]) for name in "ab"]
    with pytest.raises(RecipeError, match="roc_auc has no interval over 9 test examples.*larger test split"):
        comparing.compare(groups)


def test_anomalies_that_follow_the_seed_are_compared_seed_by_seed():
    recipes = [registry.get("anomaly_digits_mnist", seed=seed) for seed in (0, 1)]
    targets = [Target(pathlib.Path(f"runs/{r.seed}"), r, None) for r in recipes]
    with pytest.raises(RecipeError, match="seeds 0 and 1 were not asked the same.*left_out=CLASS"):
        comparing.grouped(targets, None)
