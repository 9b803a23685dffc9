"""K-fold: every training example is tested on once, each fold is a run that can be gone on with."""

import json
import shutil
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from recipes import RecipeError, registry, rundir
from recipes.data import folds, prepared
from recipes.data.prepared import Prepared, Split
from recipes.recipe import Features


def data_with(labels):
    """A set whose examples hold their own index."""
    labels = np.asarray(labels)
    train = Split(np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1), labels)
    names = tuple(f"class {i}" for i in range(9))
    return Prepared("made", train, Split(train.x[:1], labels[:1]), names, "made")


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(1, 4), st.integers(6, 40), st.integers(0, 9))
def test_folds_are_a_stratified_partition(count, classes, size, seed):
    labels = np.concatenate(
        [np.repeat(np.arange(classes), count), np.random.default_rng(seed).integers(0, classes, size)]
    )
    parts = [folds.cut(data_with(labels), Features(folds=count, fold=i)) for i in range(count)]
    tested = np.concatenate([part.test.x.ravel() for part in parts])
    assert sorted(tested) == list(range(len(labels)))
    for part in parts:
        assert not set(part.test.x.ravel()) & set(part.train.x.ravel())
        assert np.array_equal(part.test.y, labels[part.test.x.ravel().astype(int)])
        shares = np.bincount(part.test.y, minlength=classes) - np.bincount(labels, minlength=classes) / count
        assert np.abs(shares).max() < 1 + 1e-9


def test_masks_are_cut_at_random():
    data = data_with(np.zeros(10, int))
    masks = data._replace(train=Split(data.train.x, np.zeros((10, 2, 2), int)))
    parts = [folds.cut(masks, Features(folds=5, fold=i)) for i in range(5)]
    assert sorted(np.concatenate([part.test.x.ravel() for part in parts])) == list(range(10))


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"folds": 3, "fold": 3}, "from 0 to one less"),
        ({"folds": 1}, "2 to 6 folds"),
        ({"folds": 7}, "2 to 6 folds"),
        ({"fold": 1}, "0 and 0 for the data set's own"),
        ({"folds": 4}, "class 'class 1' of made has 2 training examples.*at most 2 folds"),
    ],
)
def test_what_cannot_be_cut_is_named(features, words):
    with pytest.raises(RecipeError, match=words):
        folds.cut(data_with([0, 0, 0, 0, 1, 1]), Features(**features))


def test_the_own_test_split_stays_untouched():
    own, fold = (prepared.prepare("digits", Features(folds=n)) for n in (0, 4))
    assert len(fold.train.y) + len(fold.test.y) == len(own.train.y)
    rows = {x.tobytes() for x in own.train.x}
    assert all(x.tobytes() in rows for x in fold.test.x)
    assert "fold 0 of 4" in fold.source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("folds")


@pytest.fixture
def evaluated(edgezoo, folder):
    """Cross-validation over two folds, made once and then read."""
    arguments = ("--folds", 2, "--set", "epochs=1", "--runs", folder, "--json")
    ended = edgezoo("evaluate", "lenet5_digits", *arguments)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_each_fold_is_a_run(evaluated, folder):
    runs = [rundir.open_run(path) for path in evaluated["recipes"]["lenet5_digits"]["runs"]]
    assert [run.path.name for run in runs] == ["fold0", "fold1"]
    assert [(run.recipe.features.folds, run.recipe.features.fold) for run in runs] == [(2, 0), (2, 1)]
    reached = [run.metrics()["test"]["accuracy"] for run in runs]
    found = evaluated["recipes"]["lenet5_digits"]["summary"]["accuracy"]
    assert found["mean"] == pytest.approx(statistics.fmean(reached))
    assert found["sd"] == pytest.approx(np.std(reached, ddof=1))
    assert (found["min"], found["max"]) == (min(reached), max(reached))
    assert (
        json.loads((folder / "evaluations" / "lenet5_digits-seed0-2folds.json").read_text())["by"] == "folds"
    )
    assert Image.open(evaluated["plot"]).size[0] > 400


def test_what_is_there_is_read_and_the_rest_comes_out_the_same(evaluated, folder, edgezoo):
    first, second = (folder / "lenet5_digits-seed0-2folds" / f"fold{i}" for i in range(2))
    history, written = (second / "history.csv").read_text(), (first / "model.keras").stat().st_mtime_ns
    shutil.rmtree(second)
    arguments = ("--folds", 2, "--set", "epochs=1", "--runs", folder)
    ended = edgezoo("evaluate", "lenet5_digits", *arguments)
    assert ended.code == 0, ended.err
    assert "headline is accuracy" in ended.err
    assert (first / "model.keras").stat().st_mtime_ns == written
    assert (second / "history.csv").read_text() == history


def test_runs_of_other_values_are_not_counted(evaluated, folder, edgezoo):
    ended = edgezoo("evaluate", "lenet5_digits", "--folds", 2, "--set", "epochs=2", "--runs", folder)
    assert ended.code == 2
    assert "fold0 holds a run with epochs=1, and 2 is wanted" in ended.err


def test_a_teacher_that_saw_the_fold_is_refused(tmp_path, edgezoo):
    values = ("--set", "distillation.teacher=lenet5_mnist", "--set", "data=mnist")
    ended = edgezoo("evaluate", "lenet1_mnist", "--folds", 2, *values, "--runs", tmp_path)
    assert ended.code == 2
    assert "features is" in ended.err
    assert registry.get("lenet1_mnist").features.folds == 0
