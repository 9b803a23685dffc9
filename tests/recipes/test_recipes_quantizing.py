"""Post-training quantisation of a run: its recipe's choices, and those of the command line."""

from types import SimpleNamespace

import keras
import msgspec
import numpy as np
import pytest

import export
from recipes import quantizing, registry
from recipes.cli import quantizing as options
from recipes.data import prepared
from recipes.errors import RecipeError
from recipes.tasks import Context


def test_a_recipe_says_how():
    recipe = registry.get(
        "lenet5_digits",
        **{
            "post_training.ranges": "percentile",
            "post_training.percentile": 99.9,
            "post_training.keep_float": "c1,c3",
        },
    )
    chosen = quantizing.options(recipe, {"samples": 7})
    assert chosen == export.QuantizationOptions(
        ranges="percentile", percentile=99.9, keep_float=("c1", "c3"), samples=7
    )
    assert quantizing.options(registry.get("lenet5_digits")) == export.QuantizationOptions()


def test_recipes_and_export_know_the_same_values():
    fields = {field.name for field in msgspec.structs.fields(registry.get("lenet5_digits").post_training)}
    assert fields < set(export.QuantizationOptions.__dataclass_fields__)


def test_int4_is_a_recipes_precision_but_no_default():
    recipe = registry.get("lenet5_digits", precisions="float32,int4")
    assert recipe.precisions == ("float32", "int4")
    assert registry.get("lenet5_digits").precisions == export.DEFAULT_PRECISIONS


# As of a command line with no option.
GIVEN_NOTHING = SimpleNamespace(get_parameter_source=lambda name: SimpleNamespace(name="DEFAULT"))


def test_the_command_line_gives_what_was_given():
    assert options.changes(None, None, None, None, None, None) == {}
    assert options.changes(["c1", "f*"], 9, None, 99.5, "auto", None) == {
        "keep_float": ("c1", "f*"),
        "samples": 9,
        "ranges": "percentile",
        "percentile": 99.5,
        "equalize": "auto",
    }
    assert options.search(None, "int8", GIVEN_NOTHING) is None
    assert options.search(0.01, "int4", GIVEN_NOTHING) == ("int4", 0.01)


@pytest.mark.parametrize(
    "given",
    [
        (None, 0, None, None, None, None),
        (None, None, "all", None, None, None),
        (None, None, None, 5.0, None, None),
    ],
)
def test_the_command_line_refuses_what_means_nothing(given):
    with pytest.raises(export.InvalidInput):
        options.changes(*given)
    with pytest.raises(RecipeError, match="--mixed"):
        options.search(-1.0, "int8", GIVEN_NOTHING)


def test_a_search_is_scored_on_the_validation_split():
    recipe = registry.get("lenet5_digits")
    context = Context(recipe, prepared.prepare(recipe.data, recipe.features))
    held_back = quantizing.validating(context)
    subset = context.validation
    assert np.array_equal(held_back.data.test.x, subset.split.x[subset.indices])
    assert np.array_equal(held_back.data.test.y, subset.split.y[subset.indices])
    assert not np.array_equal(held_back.data.test.x, context.data.test.x)
    assert np.array_equal(held_back.train.indices, context.train.indices)


def test_a_models_search_is_scored_by_its_outputs():
    start = keras.Input((3,), name="x")
    model = keras.Model(start, keras.layers.Dense(2)(start))
    data = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    wanted = quantizing.closest_to(model, data, ("int8", 0.1))
    outputs = model.predict(data, verbose=0)
    assert wanted.score(lambda x: outputs) == 0
    assert wanted.score(lambda x: outputs + outputs.std()) == pytest.approx(1, rel=1e-5)
    assert not wanted.higher_is_better
