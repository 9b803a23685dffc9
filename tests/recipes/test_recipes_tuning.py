"""What is searched, how it is checked, and what the oracles remember."""

import itertools
import json

import keras_tuner
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_tuner.engine import hyperparameters
from keras_tuner.engine.trial import Trial, TrialStatus

import recipes
from recipes import registry
from recipes.tuning import dimensions, objectives, oracles, pareto, scalarizing, search, tunability
from recipes.tuning.space import Space

TEXTS = {
    "optimizer.learning_rate": "log:1e-4..1e-1",
    "optimizer.name": "choice:adam,adamw,sgd",
    "optimizer.weight_decay": "float:0..0.5 if optimizer.name!=adam",
    "batch_size": "choice:16,32,64",
    "augmentation.translation.0": "float:0..0.2",
    "arguments.filters.length": "int:1..3",
    "arguments.filters.0": "int:4..32:4",
    "arguments.filters.1": "logint:4..64",
    "arguments.filters.2": "choice:8,16 if batch_size>=32 and optimizer.name==sgd",
    "augmentation.flip": "choice:true,false",
}
BASE = {"model": "separable_cnn", "arguments": {"filters": [8, 16]}, "epochs": 2}


@pytest.fixture(scope="module")
def space():
    return Space(recipes.get("lenet5_digits", **BASE), TEXTS | {"arguments.filters.2": "choice:8,16"})


GOOD = [
    ("log:1e-4..1e-1", dimensions.Interval(1e-4, 1e-1, True)),
    ("float:-1..0.5", dimensions.Interval(-1.0, 0.5, False)),
    ("int:8..64:8", dimensions.Whole(8, 64, 8, False)),
    ("int:0..3", dimensions.Whole(0, 3, 1, False)),
    ("logint:8..512", dimensions.Whole(8, 512, 1, True)),
    ("choice:adam, sgd", dimensions.Choice(("adam", "sgd"))),
    ("choice:none,0.5,1", dimensions.Choice((None, 0.5, 1))),
    ("choice:(1,2),[3,4]", dimensions.Choice(([1, 2], [3, 4]))),
]


@pytest.mark.parametrize(("text", "meant"), GOOD)
def test_range(text, meant):
    assert dimensions.parse(text) == meant


BAD = [
    ("optimizer.learning_rate", "lag:1e-4..1e-1", ["'log'", "log:1e-4..1e-1"]),
    ("optimizer.learning_rate", "1e-4..1e-1", ["no range"]),
    ("optimizer.learning_rate", "log:1e-1..1e-4", ["smaller"]),
    ("optimizer.learning_rate", "log:0..1", ["above 0", "float:"]),
    ("optimizer.learning_rate", "log:1e-4", ["''"]),
    ("optimizer.learning_rate", "log:nan..1", ["'nan'"]),
    ("optimizer.learning_rate", "log:1e-4..1e-1:2", ["step"]),
    ("optimizer.learning_rate", "float:-1..1", ["learning_rate=-1.0", "> 0"]),
    ("optimizer.learning_rat", "log:1e-4..1e-1", ["'learning_rate'"]),
    ("optimizer.name", "choice:adam,adan", ["adan", "'adam'"]),
    ("optimizer.name", "choice:sgd,adamw", ["'adam'", "add it"]),
    ("optimizer.name", "choice:adam", ["two values"]),
    ("optimizer.name", "choice:adam,adam", ["twice"]),
    ("optimizer.name", "int:0..3", ["'adam'", "choice"]),
    ("optimizer.clip_norm", "log:0.1..10", ["no value", "--set"]),
    ("batch_size", "int:0..64:8", ["batch_size=0", ">= 1"]),
    ("batch_size", "int:8..64:100", ["step"]),
    ("batch_size", "int:8..64.5", ["'64.5'", "whole"]),
    ("label_smoothing", "float:0..1", ["label_smoothing=1.0", "< 1"]),
    ("epochs", "int:1..9", ["--set epochs"]),
    ("seed", "int:0..9", ["can't be searched"]),
    ("validation", "float:0.1..0.5", ["can't be searched"]),
    ("features.held_out", "choice:none,a", ["can't be searched"]),
    ("arguments.conections", "choice:full,published", ["'connections'"]),
    ("arguments.connections.0", "int:1..2", ["no list"]),
    ("augmentation.translation.5", "float:0..1", ["no element 5", "length"]),
    ("batch_size", "int:8..64 if batch_size>9", ["circle"]),
    ("batch_size", "int:8..64 if optimizer.nam==adam", ["'name'"]),
    ("batch_size", "int:8..64 if optimizer.name==sgd", ["never holds", "'adam'"]),
    ("batch_size", "int:8..64 if optimizer.name", ["no condition"]),
    ("batch_size", "int:8..64 if optimizer.name>3", ["can't be compared"]),
]


@pytest.mark.parametrize(("name", "text", "parts"), BAD)
def test_what_cannot_be_searched_is_named(name, text, parts):
    with pytest.raises(recipes.RecipeError) as raised:
        Space(recipes.get("lenet5_digits"), {name: text})
    for part in (name, *parts):
        assert part in str(raised.value)


def test_conditions_ask_about_finite_values_that_can_hold():
    base = recipes.get("lenet5_digits")
    for asked, parts in {
        "optimizer.learning_rate>=0.1": "continuous",
        "epochs>=1": None,
        "batch_size>100": "holds for no value",
    }.items():
        texts = {
            "optimizer.learning_rate": "log:1e-3..1e-1",
            "batch_size": "int:8..64:8",
            "label_smoothing": f"float:0..0.2 if {asked}",
        }
        if parts is None:
            assert Space(base, texts).conditions["label_smoothing"] == ()  # it always holds
            continue
        with pytest.raises(recipes.RecipeError, match=parts):
            Space(base, texts)


@pytest.mark.parametrize("name", [n for n in recipes.names() if recipes.get(n).space])
def test_the_catalogues_spaces_fit_their_recipes(name):
    recipe = recipes.get(name)
    found = Space(recipe, recipe.space)
    assert found.recipe(found.default) == recipe


def test_a_space_changes_nothing_else_of_a_recipe():
    recipe = recipes.get("lenet5_digits")
    old = json.loads(msgspec.json.encode(recipe))
    del old["space"]  # as runs made before have it
    loaded = registry.from_json(json.dumps(old).encode(), "recipe.json")
    from recipes import pipeline

    assert "expected accuracy" in pipeline.shortfalls(loaded, {"accuracy": 0.5})[0]


def test_the_default_is_the_recipe_as_it_is(space):
    assert space.recipe(space.default) == space.base
    assert "optimizer.weight_decay" not in space.default and "arguments.filters.2" not in space.default
    assert space.default["arguments.filters.length"] == 2


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_drawn_values_make_recipes_and_survive_the_way_to_other_machines(space, seed):
    container = space.hyperparameters()
    drawn = hyperparameters.HyperParameters()
    for i, hp in enumerate(container.space):
        drawn.merge([hp])
        if drawn.is_active(hp):
            drawn.values[hp.name] = hp.random_sample(seed + i)
    values = space.decode(drawn.values)
    assert space.decode(space.encode(values)) == values
    assert space.decode(hyperparameters.HyperParameters.from_proto(drawn.to_proto()).values) == values
    recipe = space.recipe(values)
    filters = recipe.arguments["filters"]
    assert len(filters) == values["arguments.filters.length"]
    assert ("arguments.filters.2" in values) == (len(filters) == 3)
    assert [values.get(f"arguments.filters.{i}", f) for i, f in enumerate(filters)] == filters
    assert ("optimizer.weight_decay" in values) == (recipe.optimizer.name != "adam")
    assert recipe.optimizer.weight_decay == values.get("optimizer.weight_decay", 0.0)
    assert 1e-4 <= recipe.optimizer.learning_rate <= 1e-1
    assert recipe.augmentation.translation == (values["augmentation.translation.0"], 0.08)
    assert type(recipe.augmentation.flip) is bool and recipe.batch_size in (16, 32, 64)
    assert float(f"{recipe.optimizer.learning_rate:.3e}") == recipe.optimizer.learning_rate


def test_architectures_are_built_before_anything_is_trained(tmp_path):
    recipe = recipes.get("lenet5_digits", **{"model": "separable_cnn", "arguments.filters": [8, 16]})
    from recipes.tuning import searching

    with pytest.raises(recipes.RecipeError, match=r"arguments\.filters\.1.*separable_cnn.*-8"):
        searching.begin(recipe, tmp_path / "s", space={"arguments.filters.1": "int:-8..16:8"})
    assert not (tmp_path / "s").exists()


def at(path, algorithm="random", trials=6, names=("accuracy",), texts=None, **values):
    """A search without any training."""
    recipe = recipes.get("lenet5_digits", **values)
    texts = texts or {"optimizer.learning_rate": "log:1e-4..1e-1", "batch_size": "int:8..64:8"}
    chosen = {"recipe": recipe, "space": texts, "objectives": names}
    return search.create(path, search.Settings(**chosen, algorithm=algorithm, trials=trials))


def goodness(values):
    """Best at a rate of 0.01 and a batch size of 40."""
    rate = np.log10(values["optimizer.learning_rate"]) + 2
    return float(1 - rate**2 / 10 - ((values["batch_size"] - 40) / 100) ** 2)


def end(oracle, trial, **metrics):
    trial = Trial.from_proto(trial.to_proto())  # as it comes from another process
    if metrics:
        oracle.update_trial(trial.trial_id, metrics)
    trial.status = TrialStatus.COMPLETED if metrics else TrialStatus.INVALID
    oracle.end_trial(trial)


def run_to_the_end(found, oracle, limit=200):
    """Every trial that the oracle asks for, in its order."""
    seen = []
    while (trial := oracle.create_trial("a")).status != TrialStatus.STOPPED:
        seen.append((trial.trial_id, dict(trial.hyperparameters.values)))
        end(oracle, trial, accuracy=goodness(found.space.decode(trial.hyperparameters.values)))
        assert len(seen) <= limit
    return seen


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_a_search_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path, algorithm):
    options = {"algorithm": algorithm, "trials": 5 if algorithm == "bayesian" else 9, "epochs": 9}
    straight = run_to_the_end(found := at(tmp_path / "straight", **options), oracles.build(found))
    assert found.space.decode(straight[0][1]) == found.space.default  # the recipe as it is comes first
    killed, seen = at(tmp_path / "killed", **options), []
    while True:
        oracle = oracles.build(killed)  # nothing but the file is left, after every single step
        if killed.oracle_file.exists():
            oracle.reload()
        trial = oracle.create_trial("a")
        if trial.status == TrialStatus.STOPPED:
            break
        oracle = oracles.build(killed)
        oracle.reload()  # in the middle of the trial, which is tried again
        again = oracle.create_trial("b")
        assert (again.trial_id, again.hyperparameters.values) == (
            trial.trial_id,
            trial.hyperparameters.values,
        )
        seen.append((again.trial_id, dict(again.hyperparameters.values)))
        end(oracle, again, accuracy=goodness(killed.space.decode(again.hyperparameters.values)))
    assert [trial for trial, _ in seen] == [trial for trial, _ in straight]
    for (_, one), (_, other) in zip(seen, straight, strict=True):
        assert killed.space.decode(one) == found.space.decode(other)


def test_bayesian_search_finds_more_than_random_search(tmp_path):
    best = {}
    for algorithm in ("random", "bayesian"):
        found = at(tmp_path / algorithm, algorithm, trials=12)
        drawn = run_to_the_end(found, oracles.build(found))
        best[algorithm] = max(goodness(found.space.decode(values)) for _, values in drawn[4:])
    assert best["bayesian"] >= max(best["random"], 0.98)


def test_hyperband_goes_on_with_the_better_trials(tmp_path):
    found = at(tmp_path / "s", "hyperband", trials=None, epochs=9)
    oracle = oracles.build(found)
    seen = dict(run_to_the_end(found, oracle))
    assert len(seen) == oracle.planned
    reached = {trial: goodness(found.space.decode(values)) for trial, values in seen.items()}
    on = {trial: values for trial, values in seen.items() if "tuner/trial_id" in values}
    assert on and {values["tuner/epochs"] for values in seen.values()} == {1, 3, 9}
    for trial, values in on.items():
        parent = seen[values["tuner/trial_id"]]
        assert values["tuner/epochs"] > parent["tuner/epochs"] == values["tuner/initial_epoch"]
        assert found.space.decode(values) == found.space.decode(parent)
        rivals = [
            t for t, v in seen.items() if all(v[k] == parent[k] for k in ("tuner/bracket", "tuner/round"))
        ]
        left = [reached[t] for t in rivals if t not in {v["tuner/trial_id"] for v in on.values()}]
        assert reached[trial] >= max(left)


def test_a_trial_is_tried_again_and_given_up_in_the_end(tmp_path):
    found = at(tmp_path / "s", trials=2)
    oracle, tries = oracles.build(found), []
    for i in range(3):
        trial = oracle.create_trial(f"worker{i}")
        tries.append(trial.trial_id)
        if i == 1:
            end(oracle, trial)  # an error that nobody foresaw
        else:
            oracle.release(f"worker{i}", "its worker died")
    assert len(set(tries)) == 1 and not oracle.waiting
    assert oracle.trials[tries[0]].status == TrialStatus.FAILED
    assert oracle.create_trial("worker3").trial_id != tries[0]


def test_a_trial_of_a_worker_that_was_only_slow_is_not_repeated(tmp_path):
    oracle = oracles.build(at(tmp_path / "s"))
    trial = oracle.create_trial("slow")
    assert oracle.silent(60) == [] and oracle.silent(-1) == ["slow"]
    oracle.release("slow", "silent")
    end(oracle, trial, accuracy=0.5)
    assert oracle.create_trial("other").trial_id != trial.trial_id


def test_a_search_of_few_values_ends_when_all_were_tried(tmp_path):
    texts = {"batch_size": "choice:32,64", "optimizer.name": "choice:adam,sgd"}
    found = at(tmp_path / "s", "bayesian", trials=30, texts=texts)
    oracle, seen = oracles.build(found), []
    while (trial := oracle.create_trial("a")).status != TrialStatus.STOPPED:
        seen.append(tuple(found.space.decode(trial.hyperparameters.values).values()))
        end(oracle, trial, accuracy=0.5)
    assert sorted(seen) == sorted(set(itertools.product((32, 64), ("adam", "sgd"))))


def test_damaged_memory_is_named(tmp_path):
    found = at(tmp_path / "s")
    oracle = oracles.build(found)
    oracle.create_trial("a")
    for content in ("", "{", "[]", '{"state": {}, "trials": []}'):
        found.oracle_file.write_text(content)
        with pytest.raises(recipes.RecipeError, match=r"oracle\.json is damaged"):
            oracles.build(found).reload()


def test_weights_of_several_objectives_differ_from_trial_to_trial_and_reach_the_ends(tmp_path):
    found = at(tmp_path / "s", trials=40, names=("accuracy", "int8_bytes"))
    oracle, firsts = oracles.build(found), set()
    while (trial := oracle.create_trial("a")).status != TrialStatus.STOPPED:
        size = found.space.decode(trial.hyperparameters.values)["batch_size"]
        end(oracle, trial, accuracy=size / 100, int8_bytes=1000.0 * size, combined=0.0)
        scored = [t for t in oracle.trials.values() if t.status == TrialStatus.COMPLETED]
        firsts.add(min(scored, key=lambda t: t.score).hyperparameters.values["batch_size"])
    assert {8, 64} <= firsts and len(firsts) > 2  # the smallest, the most accurate, and between


COSTS = st.lists(st.tuples(*[st.floats(-5, 5)] * 3), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(costs=COSTS, seed=st.integers(0, 10**6))
def test_scalarized_costs(costs, seed):
    shares = scalarizing.weights(3, (seed, 1))
    assert shares.sum() == pytest.approx(1) and (shares >= 0).all()
    array = np.array(costs)
    spread = np.ptp(array, axis=0)
    said = scalarizing.scalarized(costs, shares)
    for row, found in zip(array, said, strict=True):
        parts = [
            w * (c - low) / s if s else 0
            for w, c, low, s in zip(shares, row, array.min(0), spread, strict=True)
        ]
        assert found == pytest.approx(max(parts) + 0.05 * sum(parts), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=12))
def test_front_is_what_nothing_beats(points):
    wanted = objectives.get("classification", ("accuracy", "int8_bytes"))
    records = [
        search.Record(
            trial=str(i), status="completed", objectives={"accuracy": a / 4, "int8_bytes": float(b)}
        )
        for i, (a, b) in enumerate(points)
    ]
    kept = {int(record.trial) for record in pareto.front(records, wanted)}
    for i, (a, b) in enumerate(points):
        beaten = any(x >= a and y <= b and (x, y) != (a, b) for x, y in points)
        assert (i in kept) != beaten


def test_objectives_are_checked_by_name():
    assert [o.name for o in objectives.get("reconstruction")] == ["squared_error"]
    with pytest.raises(recipes.RecipeError, match="'accuracy'"):
        objectives.get("classification", ("acuracy",))
    with pytest.raises(recipes.RecipeError, match="twice"):
        objectives.get("classification", ("accuracy", "accuracy"))


def completed(found, count, measure):
    """Records of random trials of a search, measured by `measure(values)`; the recipe as it is comes first."""
    oracle, records = oracles.build(found), []
    for _ in range(count):
        trial = oracle.create_trial("a")
        values = found.space.decode(trial.hyperparameters.values)
        reached = {"accuracy": measure(values)}
        records.append(
            search.Record(
                trial=trial.trial_id, status="completed", values=values, epochs=3, objectives=reached
            )
        )
        end(oracle, trial, **reached)
    return records


def test_tunability_is_the_gain_over_the_default(tmp_path):
    texts = {
        "optimizer.learning_rate": "log:1e-4..1e-1",
        "batch_size": "choice:16,32,64,128",
        "label_smoothing": "float:0..0.3",
    }
    found = at(tmp_path / "s", trials=150, texts=texts)
    step = {16: 0.10, 32: 0.06, 64: 0.03, 128: 0.0}

    def measure(values):  # the default is 2e-3 and 64: gains of 0.049 and of 0.07, and of nothing
        return 0.5 - 0.1 * (np.log10(values["optimizer.learning_rate"]) + 2) ** 2 + step[values["batch_size"]]

    records = completed(found, 150, measure)
    gains = {gain.name: gain for gain in tunability.gains(found, records)}
    assert gains["batch_size"].best == 16 and gains["batch_size"].own == 64
    assert gains["batch_size"].gain == pytest.approx(0.07, abs=0.02)
    assert gains["optimizer.learning_rate"].gain == pytest.approx(0.049, abs=0.02)
    assert 5e-3 < gains["optimizer.learning_rate"].best < 2e-2
    assert abs(gains["label_smoothing"].gain) < 0.02
    for gain in gains.values():
        assert gain.low <= gain.gain <= gain.high
    names = list(gains)
    assert names[0] == "batch_size" and names[-1] == "label_smoothing"
    assert tunability.gains(found, records[: tunability.FEWEST - 1]) == []


def test_hyperparameters_are_keras_tuners_own(space):
    container = space.hyperparameters()
    assert isinstance(container, keras_tuner.HyperParameters)
    assert {hp.name for hp in container.space} == set(space.texts)
