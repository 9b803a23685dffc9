"""Conformal sets: the promise by simulation, scores by their definitions, quantiles beside the files."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

import export
from recipes import RecipeError, pipeline, tasks
from recipes.statistics import conformal


def drawn(shape, seed, classes=5):
    """Probabilities `(*shape, classes)` of a bad model, and classes that are drawn from others."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (*shape, classes))
    honest = softmax(logits, axis=-1)
    labels = (honest.cumsum(-1) > rng.random((*shape, 1))).argmax(-1)
    return softmax(2 * logits + rng.normal(0, 1, logits.shape), axis=-1), labels


@settings(max_examples=8, deadline=None)
@given(st.integers(19, 60), st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.integers(0, 1000))
def test_the_promise_is_kept(count, coverage, seed):
    """Over splits drawn anew; without ties the sets hold the true class hardly more often than promised."""
    repeats, tested = 300, 20
    held_out, labels = drawn((repeats, count), seed)
    new, truth = drawn((repeats, tested), seed + 1)
    for method in conformal.METHODS:
        hits = []
        for i in range(repeats):
            limit = conformal.quantile(held_out[i], labels[i], coverage, method)
            chosen = conformal.sets(new[i], method, limit)
            hits.append(conformal.measured(chosen, truth[i])["coverage"])
        error = 4 * np.std(hits, ddof=1) / math.sqrt(repeats)
        assert np.mean(hits) >= coverage - error
        if method == "lac":
            assert np.mean(hits) <= coverage + 1 / (count + 1) + error


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(2, 7), st.integers(0, 99))
def test_scores_by_definition(count, classes, seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.integers(1, 4, (count, classes)) / 1.0  # with ties
    probabilities /= probabilities.sum(1, keepdims=True)
    likelier = [[row[row > p].sum() for p in row] for row in probabilities]
    assert conformal.scores(probabilities, "aps") == pytest.approx(np.array(likelier))
    assert conformal.scores(probabilities, "lac") == pytest.approx(1 - probabilities)
    sets = conformal.sets(probabilities, "aps", 0.0)
    assert np.array_equal(sets, probabilities == probabilities.max(1, keepdims=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.sampled_from([0.5, 0.7, 0.9, 0.95, 0.99]), st.integers(0, 99))
def test_quantile_by_definition(count, coverage, seed):
    probabilities, labels = drawn((count,), seed)
    own = 1 - probabilities[np.arange(count), labels]
    place = math.ceil(round((count + 1) * coverage, 6))
    if place > count:
        with pytest.raises(
            RecipeError, match=f"needs at least {math.ceil(round(coverage / (1 - coverage), 6))} "
        ):
            conformal.quantile(probabilities, labels, coverage, "lac")
    else:
        assert conformal.quantile(probabilities, labels, coverage, "lac") == np.sort(own)[place - 1]


def test_range_of_coverage_by_simulation():
    rng = np.random.default_rng(0)
    own, new = rng.random((20_000, 49)), rng.random((20_000, 30))
    limits = np.sort(own, axis=1)[:, conformal.rank(49, 0.9) - 1]
    hits = (new <= limits[:, None]).mean(1)
    low, high = conformal.expected_range(49, 30, 0.9)
    assert 0.95 <= ((hits >= low) & (hits <= high)).mean() <= 0.99
    assert (hits <= low - 1 / 30 + 1e-9).mean() < 0.025
    with pytest.raises(RecipeError, match="Possible: lac, aps"):
        conformal.scores(own, "raps")


@pytest.fixture
def promised(run_copy, edgezoo):
    """A run with sets that hold the true class nine times in ten, and what was printed."""
    ended = edgezoo("conformal", run_copy, "--coverage", 0.9, "--json")
    assert ended.code == 0, ended.err
    return run_copy, json.loads(ended.out)


def test_files_have_quantiles_beside_them(promised, finished_run, edgezoo, tmp_path):
    run, found = promised
    recipe = finished_run.run.recipe
    context = tasks.Context(recipe, pipeline.prepare(recipe))
    held_out, test = context.validation, context.data.test
    assert (found["examples"], found["test_examples"]) == (held_out.size, len(test.y))
    for name in ("float32.tflite", "int8.tflite"):
        predict = export.load(run / "export" / name)
        old = softmax(predict(context.images(held_out)).astype(np.float64), axis=-1)
        new = softmax(predict(test.x / np.float32(255)).astype(np.float64), axis=-1)
        own = 1 - old[np.arange(len(old)), held_out.split.y[held_out.indices]]
        level = math.ceil((len(old) + 1) * 0.9) / len(old)
        limit = np.quantile(own, level, method="inverted_cdf")
        part = found["files"][name]["lac"]
        assert part["quantile"] == pytest.approx(limit, abs=1e-12)
        covered = (1 - new[np.arange(len(new)), test.y] <= limit).mean()
        assert part["test"]["coverage"] == pytest.approx(covered)
        assert part["test"]["set_size"] == pytest.approx((1 - new <= limit).sum(1).mean())
        assert found["files"][name]["aps"]["test"]["empty"] == 0
        beside = json.loads((run / "export" / name).with_suffix(".json").read_text())
        assert beside["conformal"] == {
            "coverage": 0.9,
            "held_out_examples": held_out.size,
            **found["files"][name],
        }
        assert beside["metrics"] == finished_run.report.file(name.removesuffix(".tflite")).metrics
    assert export.load_report(run / "export").files == finished_run.report.files

    np.save(tmp_path / "images.npy", test.x[:4])
    file = run / "export" / "int8.tflite"
    rows = json.loads(edgezoo("predict", file, tmp_path / "images.npy", "--json").out)
    limit = found["files"]["int8.tflite"]["lac"]["quantile"]
    for row, probabilities in zip(rows, new[:4], strict=True):
        assert row["coverage"] == 0.9
        assert sorted(row["sets"]["lac"]) == [str(i) for i in np.flatnonzero(1 - probabilities <= limit)]
        assert row["sets"]["aps"][0] == row["classes"][0]["class"]
    assert "with probability 0.9 one of:" in edgezoo("predict", file, tmp_path / "images.npy").out


def test_a_sidecar_of_another_file_promises_nothing(promised, edgezoo, tmp_path):
    run, _ = promised
    folder = run / "export"
    (folder / "float16.json").write_text((folder / "int8.json").read_text())
    np.save(tmp_path / "image.npy", np.zeros((1, 28, 28, 1), np.uint8))
    ended = edgezoo("predict", folder / "float16.tflite", tmp_path / "image.npy", "--json")
    assert ended.code == 0, ended.err
    assert "sets" not in json.loads(ended.out)[0]


def test_more_than_the_held_out_examples_can_promise_is_refused(run_copy, edgezoo):
    before = {p.name: p.read_bytes() for p in (run_copy / "export").glob("*.json")}
    ended = edgezoo("conformal", run_copy, "--coverage", 0.999)
    assert ended.code == 2
    assert "needs at least 999 held-out examples, and the validation split has 145" in ended.err
    assert before == {p.name: p.read_bytes() for p in (run_copy / "export").glob("*.json")}


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ({"int4.tflite": {}}, "has no file 'int4.tflite'"),
        ({"int8.tflite": {"sha256": "0"}}, "can't be the name of a note"),
        ({"int8.tflite": {"quantile": math.nan}}, "can't become JSON"),
    ],
)
def test_notes_that_do_not_fit_change_nothing(run_copy, notes, words):
    before = {p.name: p.read_bytes() for p in (run_copy / "export").glob("*.json")}
    with pytest.raises(export.InvalidInput, match=words):
        export.annotate(run_copy / "export", {"float32.tflite": {"note": 1}, **notes})
    assert before == {p.name: p.read_bytes() for p in (run_copy / "export").glob("*.json")}
