"""Layers learnt one by one: what they learn, that it is repeatable, and which models can."""

import random

import keras
import numpy as np
import pytest

from recipes import pipeline, registry, tasks
from recipes.data.prepared import Split
from recipes.errors import RecipeError, TrainingError
from recipes.training import pretraining
from recipes.training.fit import fit

RECIPE, CODE = "stacked_autoencoder_mnist", 6
VALUES = {
    "data": "digits",
    "arguments": {"code": CODE, "hidden": [16]},
    "batch_size": 32,
    "epochs": 2,
    "pretraining.epochs": 1,
    "pretraining.learning_rate": 0.1,
    "precisions": ["float32"],
}


def context_for(**overrides):
    recipe = registry.get(RECIPE, **{**VALUES, **overrides})
    return tasks.Context(recipe, pipeline.prepare(recipe))


def model_for(context):
    keras.utils.set_random_seed(context.recipe.seed)
    return pipeline.build(context.recipe, context.data)


def pretrained(context, progress=None):
    model = model_for(context)
    pretraining.pretrain(context, model, progress)
    return model


def assert_same_weights(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def learnt():
    """The context, the pre-trained model of three machines, and what was told of them."""
    context = context_for(arguments={"code": CODE, "hidden": [32, 16]}, **{"pretraining.epochs": 12})
    told = []
    model = pretrained(context, lambda stage, done, total: told.append((stage, done, total)))
    return context, model, told


def test_decoder_mirrors_the_encoder(learnt):
    _, model, _ = learnt
    pairs = pretraining.machines(model)
    assert [up.units for up, _ in pairs] == [32, 16, CODE]
    for up, down in pairs:
        np.testing.assert_array_equal(up.kernel, np.transpose(down.kernel))


def test_every_machine_learns_what_the_one_below_makes_of_the_data(learnt):
    """Each rebuilds that from its units better than the mean does; slow Gaussian units have only begun to."""
    context, model, _ = learnt
    inputs = context.images(context.train).reshape(context.train.size, -1)
    for (up, down), least in zip(pretraining.machines(model), (0.5, 0.7, 0.99), strict=True):
        units = np.asarray(up(inputs))
        error = np.square(np.asarray(down(units)) - inputs).mean()
        assert error < least * inputs.var(axis=0).mean()
        inputs = units


def test_progress_is_told(learnt):
    *_, told = learnt
    steps = [(done, total) for stage, done, total in told if stage == "pre-training"]
    assert steps == [(i, 36) for i in range(1, 37)]
    lines = [stage for stage, _, total in told if not total]
    assert lines[0].startswith("machine 1 (64-32), epoch 1/12: squared_error ")
    assert lines[-1].startswith(f"machine 3 (16-{CODE}), epoch 12/12: squared_error ")


def test_depends_on_the_seed_alone_and_leaves_the_generators_alone():
    """Else a run that goes on, without pre-training, would shuffle in another order than one that went through."""
    one, other = context_for(), context_for(seed=1)
    model = model_for(one)
    before = random.getstate(), np.random.get_state()[1].tolist()
    pretraining.pretrain(one, model)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    differently = model_for(one)
    pretraining.pretrain(other, differently)
    assert not np.allclose(differently.get_weights()[0], model.get_weights()[0], atol=1e-3)


class Killed(Exception):
    pass


def test_killed_run_comes_to_the_same_end(tmp_path):
    """Killed while the second machine learns, then after the first epoch of training."""
    context = context_for()
    through = model_for(context)
    expected = fit(context.recipe, through, context.data, 0, tmp_path / "through")

    def until(text):
        def progress(stage, done, total):
            if stage.startswith(text):
                raise Killed

        return progress

    for text in ("machine 2", "epoch 1/2"):
        with pytest.raises(Killed):
            fit(context.recipe, model_for(context), context.data, 0, tmp_path / "killed", until(text))
    told, model = [], model_for(context)
    history = fit(
        context.recipe, model, context.data, 0, tmp_path / "killed", lambda *what: told.append(what[0])
    )
    assert history == expected
    assert "pre-training" not in told
    assert_same_weights(model, through)


def test_by_default_nothing_is_learnt_before():
    context = context_for(**{"pretraining.kind": "none"})
    model = pretrained(context)
    assert_same_weights(model, model_for(context))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"model": "convolutional_autoencoder", "arguments": {"code": 4, "filters": [4]}}, "mirrors"),
        ({"model": "deep_autoencoder", "arguments": {"code": 4, "hidden": [8]}}, "mirrors"),
        (
            {"model": "deep_autoencoder", "arguments": {"code": 4, "hidden": [8], "activation": "tanh"}},
            "sigmoid",
        ),
        ({"model": "linear_autoencoder", "arguments": {"code": 4}}, "sigmoid"),
        ({"model": "lenet5", "task": "classification", "arguments": {}}, "mirrors"),
    ],
    ids=lambda value: value.get("model") if isinstance(value, dict) else value,
)
def test_other_models_are_refused(values, reason):
    context = context_for(**values)
    with pytest.raises(RecipeError, match=f"pretraining.kind=rbm: {values['model']} .*{reason}"):
        pretrained(context)


def test_the_deep_autoencoder_of_sigmoid_units_can():
    arguments = {"code": 4, "hidden": [8], "activation": "sigmoid"}
    context = context_for(model="deep_autoencoder", arguments=arguments)
    assert [up.units for up, _ in pretraining.machines(model_for(context))] == [8, 4]


def test_weights_that_are_no_numbers_end_the_run(context_of):
    """Of data far outside [0, 1], at a rate that no machine stands."""
    images = 1e30 * np.random.default_rng(0).random((40, 4, 4, 1), dtype=np.float32)
    split = Split(images, np.arange(40) % 2)
    overrides = {key: value for key, value in VALUES.items() if key != "data"}
    context = context_of(split, split, RECIPE, **{**overrides, "pretraining.learning_rate": 1e9})
    model = pipeline.build(context.recipe, type("Data", (), {"shape": (4, 4, 1)}))
    with pytest.raises(TrainingError, match="machine 1 .*pretraining.learning_rate"):
        pretraining.pretrain(context, model)


@pytest.mark.parametrize(
    ("key", "value"),
    [("pretraining.kind", "dbn"), ("pretraining.epochs", 0), ("pretraining.learning_rate", -1.0)],
)
def test_values_are_checked(key, value):
    with pytest.raises(RecipeError, match=key.partition(".")[0]):
        registry.get(RECIPE, **{key: value})
