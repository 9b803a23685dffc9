"""Recipes by name, and how their values are overridden, checked and written down."""

import inspect
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recipes
import zoo
from recipes import registry
from recipes.data.known import DATASETS
from recipes.recipe import Expected, Optimizer, Recipe


@pytest.mark.parametrize("name", recipes.names())
def test_catalog_entry_is_valid(name):
    recipe = recipes.get(name)
    function = registry._RECIPES[name]
    assert recipe.name == name == function.__name__
    assert recipe.summary == inspect.getdoc(function).splitlines()[0] and recipe.summary.endswith(".")
    assert recipe.model in zoo.list_models()
    assert recipe.data in {d.name for d in DATASETS}
    assert recipe.expected is not None
    assert registry.override(recipe, {}) == recipe


@pytest.mark.parametrize("name", recipes.names())
def test_recipe_survives_json(name):
    recipe = recipes.get(name, seed=3)
    assert registry.from_json(msgspec.json.encode(recipe), "recipe.json") == recipe


def test_names_match_a_pattern():
    assert recipes.names("*digits") == ["lenet5_digits"]
    assert recipes.names("nothing*") == []
    assert recipes.names() == sorted(recipes.names())


def test_a_name_is_registered_once():
    def lenet5_digits():
        """Another one."""

    with pytest.raises(recipes.RecipeError, match="'lenet5_digits' is registered already"):
        registry.recipe(lenet5_digits)


GOOD = [
    ("epochs", "5", 5),
    ("epochs", 3, 3),
    ("optimizer.learning_rate", "3e-4", 3e-4),
    ("optimizer.learning_rate", 1, 1.0),
    ("optimizer.clip_norm", "1", 1.0),
    ("optimizer.clip_norm", "none", None),
    ("optimizer.name", "sgd", "sgd"),
    ("features.front_end", "none", "none"),
    ("features.held_out", "none", "none"),
    ("features.image_size", "[32,32]", (32, 32)),
    ("features.image_size", "32,24", (32, 24)),
    ("features.image_size", "None", None),
    ("augmentation.translation", "(0.1, 0.2)", (0.1, 0.2)),
    ("augmentation.translation", [0.1, 0.2], (0.1, 0.2)),
    ("augmentation.flip", "True", True),
    ("precisions", "int8", ("int8",)),
    ("precisions", "float32,int8", ("float32", "int8")),
    ("precisions", '["float32", "int8"]', ("float32", "int8")),
    ("data", "kmnist", "kmnist"),
    ("data", "7", "7"),
    ("arguments.classes", "12", 12),
    ("arguments", '{"classes": 12}', {"classes": 12}),
    ("expected", "none", None),
    ("optimizer", Optimizer(learning_rate=0.5), Optimizer(learning_rate=0.5)),
]


@pytest.mark.parametrize(("key", "given_value", "meant"), GOOD)
def test_override(key, given_value, meant):
    changed = recipes.get("lenet5_digits", **{key: given_value})
    value = changed
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    assert value == meant
    assert type(value) is type(meant)


BAD = [
    ("epochs", "-1", ["epochs=-1", ">= 1"]),
    ("epochs", "0", ["epochs=0"]),
    ("epochs", "1.5", ["epochs=1.5", "int"]),
    ("epochs", "many", ["epochs=many"]),
    ("epochs", "true", ["epochs=true"]),
    ("epochs", "1" * 5000, ["epochs="]),
    ("batch_size", 0, ["batch_size=0", ">= 1"]),
    ("optimizer.learning_rate", "nan", ["optimizer.learning_rate=nan"]),
    ("optimizer.learning_rate", "inf", ["optimizer.learning_rate=inf"]),
    ("optimizer.learning_rate", math.inf, ["optimizer.learning_rate=inf"]),
    ("optimizer.learning_rate", "0", ["optimizer.learning_rate=0", "> 0"]),
    ("optimizer.learning_rate", "-1e-3", ["optimizer.learning_rate=-1e-3"]),
    ("optimizer.learning_rat", 1, ["'optimizer.learning_rat'", "'learning_rate'"]),
    ("optimzer.learning_rate", 1, ["'optimzer.learning_rate'", "'optimizer'"]),
    ("optimizer", "adam", ["optimizer=adam"]),
    ("optimizer", Optimizer(learning_rate=-1.0), ["optimizer", "> 0"]),
    ("optimizer.name", "adan", ["optimizer.name=adan", "'adam'", "sgd"]),
    ("task", "classificaton", ["task=classificaton", "'classification'"]),
    ("epoch", "3", ["'epoch'", "'epochs'"]),
    ("epochs.x", "3", ["'epochs.x'"]),
    ("", "3", ["''"]),
    ("arguments.", "3", ["'arguments.'"]),
    ("name", "mine", ["'name'"]),
    ("summary", "mine", ["'summary'"]),
    ("seed", -1, ["seed=-1"]),
    ("seed", 2**31, ["seed=2147483648"]),
    ("validation", "0", ["validation=0"]),
    ("validation", "0.6", ["validation=0.6"]),
    ("label_smoothing", "1", ["label_smoothing=1"]),
    ("augmentation.translation", "[0.1]", ["augmentation.translation=[0.1]", "length 2"]),
    ("augmentation.zoom", "nan,0", ["augmentation.zoom=nan,0"]),
    ("features.image_size", "0,28", ["features.image_size=0,28"]),
    ("precisions", "int9", ["precisions=int9", "'int8'", "int16x8"]),
    ("precisions", [], ["precisions=[]"]),
    ("data", "", ["data="]),
    ("model", "", ["model="]),
    ("arguments", {"layer": object()}, ["arguments", "JSON"]),
    ("expected.value", "nan", ["expected.value=nan"]),
]


@pytest.mark.parametrize(("key", "value", "parts"), BAD)
def test_bad_value_is_named(key, value, parts):
    with pytest.raises(recipes.RecipeError) as raised:
        recipes.get("lenet5_digits", **{key: value})
    for part in parts:
        assert part in str(raised.value)


@given(st.integers() | st.floats())
def test_numbers_are_taken_in_range_only(number):
    sound = number == int(number) and 1 <= number < 2**31 if math.isfinite(number) else False
    try:
        taken = recipes.get("lenet5_digits", epochs=number).epochs
    except recipes.RecipeError:
        assert not sound
    else:
        assert sound and taken == number


@given(st.floats())
def test_rates_are_positive_and_finite(rate):
    try:
        recipe = recipes.get("lenet5_digits", **{"optimizer.learning_rate": rate})
    except recipes.RecipeError:
        assert not (rate > 0 and math.isfinite(rate))
    else:
        assert rate > 0 and registry.from_json(msgspec.json.encode(recipe), "x") == recipe


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_taken_or_refused_with_one_error(key, value):
    try:
        recipe = recipes.get("lenet5_digits", **{key: value})
    except recipes.RecipeError:
        return
    assert isinstance(recipe, Recipe)


@given(st.sampled_from([key for key, *_ in GOOD]), st.text(max_size=20))
def test_any_text_for_a_known_value_is_taken_or_refused(key, value):
    try:
        recipe = recipes.get("lenet5_digits", **{key: value})
    except recipes.RecipeError as error:
        assert key.partition(".")[0] in str(error)
    else:
        assert registry.from_json(msgspec.json.encode(recipe), "x") == recipe


def test_unknown_recipe_names_close_ones():
    with pytest.raises(recipes.RecipeError, match="no recipe 'lenet_digits'.*'lenet5_digits'"):
        recipes.get("lenet_digits")


def test_assignments():
    assert registry.parse_assignments(["epochs=5", " data = a=b "]) == {"epochs": "5", "data": "a=b"}


@pytest.mark.parametrize("text", ["epochs", "=5", " =5", ""])
def test_assignment_of_another_form(text):
    with pytest.raises(recipes.RecipeError, match="key=value"):
        registry.parse_assignments([text])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        json.dumps({"model": "lenet5"}).encode(),
        b'{"model": "a", "data": "b", "epochs": "5"}',
    ],
)
def test_damaged_recipe_json_is_named(content):
    with pytest.raises(recipes.RecipeError, match=r"run/recipe\.json"):
        registry.from_json(content, "run/recipe.json")


def test_expected_either_way():
    assert Expected(metric="a", value=0.9).met_by({"a": 0.9})
    assert not Expected(metric="a", value=0.9).met_by({"a": 0.89})
    assert Expected(metric="e", value=2.0, at_least=False).met_by({"e": 1.5})
    assert not Expected(metric="e", value=2.0, at_least=False).met_by({"e": math.nan})


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_is_itself_again_when_it_is_read_from_its_run(name):
    recipe = recipes.get(name)
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe
