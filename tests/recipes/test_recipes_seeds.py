"""Several seeds: the spread, runs that are reused, and the warning where ranges overlap."""

import json
import shutil

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes import RecipeError, registry, rundir
from recipes.cli import comparing as cli
from recipes.statistics import repeating, spread
from recipes.statistics.spread import Spread

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8).map(tuple)


@settings(max_examples=40, deadline=None)
@given(VALUES, VALUES)
def test_spread_against_numpy(first, second):
    found = Spread(first)
    assert found.mean == pytest.approx(np.mean(first), abs=1e-9)
    if len(first) > 1:
        assert found.sd == pytest.approx(np.std(first, ddof=1), abs=1e-6)
    else:
        assert found.sd is None
    apart = max(first) < min(second) or max(second) < min(first)
    assert found.overlaps(Spread(second)) is not apart


def test_who_is_ahead_is_called_better_only_where_ranges_are_apart():
    found = {"a": Spread((0.90, 0.92)), "b": Spread((0.91, 0.95)), "c": Spread((0.5, 0.6))}
    by_shown = {True: [], False: []}
    for shown, text in spread.rankings(found, "accuracy", True):
        by_shown[shown].append(text)
    (warning,) = by_shown[False]
    assert warning.startswith("b is ahead of a by accuracy 0.0200")
    assert "overlap (0.9100 to 0.9500 and 0.9000 to 0.9200)" in warning
    assert [text[:17] for text in by_shown[True]] == ["b is ahead of c b", "a is ahead of c b"]
    assert spread.rankings(found, "error", False)[0][1].startswith("c is ahead of a")


@pytest.mark.parametrize(
    ("text", "seeds"), [("0..4", [0, 1, 2, 3, 4]), ("7", [7]), ("0,3, 8..9", [0, 3, 8, 9])]
)
def test_seeds_are_read(text, seeds):
    assert cli._seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "4..0", "a", "-1", "0..5000", "1,1", "2147483648", "0..2,2", "1.5"])
def test_other_seeds_are_refused(text):
    with pytest.raises(RecipeError, match="--seeds"):
        cli._seeds(text)


@pytest.fixture
def runs(finished_run, tmp_path):
    """A folder with a finished run of seed 0."""
    shutil.copytree(finished_run.run.path, tmp_path / "lenet5_digits-seed0")
    return tmp_path


def test_runs_that_are_there_are_reused(runs, edgezoo, finished_run):
    before = (runs / "lenet5_digits-seed0" / "model.keras").stat().st_mtime_ns
    arguments = ("--seeds", "0..1", "--set", "epochs=2", "--runs", runs, "--json")
    ended = edgezoo("evaluate", "lenet5_digits", *arguments)
    assert ended.code == 0, ended.err
    content = json.loads(ended.out)
    first, second = content["recipes"]["lenet5_digits"]["test"]
    assert first == finished_run.metrics
    assert (runs / "lenet5_digits-seed0" / "model.keras").stat().st_mtime_ns == before
    run = rundir.open_run(runs / "lenet5_digits-seed1")
    assert (run.recipe.seed, run.metrics()["test"]) == (1, second)
    assert content["warnings"] == []


def test_two_recipes_are_ranked(tmp_path, finished_run):
    recipe = finished_run.run.recipe
    other = msgspec.structs.replace(recipe, name="other")
    repeated = [
        repeating.Repeated(each, (tmp_path,) * 2, ({"accuracy": 0.9}, {"accuracy": high}))
        for each, high in ((recipe, 0.92), (other, 0.94))
    ]
    content = repeating.report(repeated, "seeds", tmp_path / "both")
    assert content == json.loads((tmp_path / "both.json").read_text())
    (warning,) = content["warnings"]
    assert warning.startswith("other is ahead of lenet5_digits by accuracy 0.0100")
    assert (tmp_path / "both.png").stat().st_size > 5_000


def test_what_cannot_be_compared_is_refused():
    digits = registry.get("lenet5_digits")
    with pytest.raises(RecipeError, match="different values of 'data'"):
        repeating.check_comparable([digits, registry.get("lenet5_mnist")])
    with pytest.raises(RecipeError, match="once"):
        repeating.check_comparable([digits, digits])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lenet5_digits", "--folds", 3, "--seeds", "0..1"), "--folds or --seeds"),
        (("lenet5_digits", "--seeds", "0", "--set", "seed=3"), "not both"),
        (("lenet5_digit", "--seeds", "0"), "Did you mean 'lenet5_digits'"),
        (("lenet5_digits",), "is a recipe, of which `edgezoo run lenet5_digits` makes a run"),
        (("lenet5_digits", "lenet5_mnist"), "`edgezoo compare` takes several"),
        (("lenet5_digits", "--set", "epochs=3"), "--set is for a RECIPE"),
        (("lenet5_digits", "--strategy", "cpu"), "--strategy is for a RECIPE"),
        (("lenet5_digits", "--seeds", "0", "--strategy", "mirrored_"), "Did you mean 'mirrored'"),
        (("lenet5_digits", "--folds", 3, "--strategy", "multiworker"), "one after another"),
        (("lenet5_digits", "--seeds", "0", "--recipe", "lenet5_digits"), "--recipe is for a file"),
    ],
)
def test_bad_input_is_named(edgezoo, arguments, words):
    ended = edgezoo("evaluate", *arguments)
    assert ended.code == 2
    assert words in ended.err
