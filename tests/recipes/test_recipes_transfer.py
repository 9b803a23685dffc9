"""Fine-tuning: which weights are taken, which stay, how fast the others change, and that it resumes."""

import itertools
import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from recipes import pipeline, registry, rundir, tasks
from recipes.data import fewer
from recipes.errors import RecipeError
from recipes.training import learnt
from recipes.training.transfer import layers, rates, schedule, taking
from recipes.training.transfer.beginning import Donor
from recipes.transfer import Transfer

SMALL = {
    "model": "lenet5_modern",
    "batch_size": 64,
    "precisions": ["float32"],
    "optimizer.scaling": "none",
    "augmentation.translation": [0, 0],
}
GROUPS = ["c1", "c3", "c5", "f6", "logits"]


def start(path, **values):
    return pipeline.start(registry.get("lenet5_digits", **{**SMALL, **values}), path)


def weights(model, pattern="*"):
    """Copies of the weights of the layers that match, by layer and position."""
    found = layers.matched(model, [pattern], "test")
    return {(path, i): w for path, layer in found.items() for i, w in enumerate(layer.get_weights())}


def same(one, other):
    return {key for key in one if np.array_equal(one[key], other[key])}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run whose weights are taken."""
    run = start(tmp_path_factory.mktemp("transfer") / "source", epochs=2)
    pipeline.train(run)
    return run


def tuned(source, path, **values):
    """A new run that begins with the source's weights, on 100 examples."""
    return start(path, **{"transfer.source": str(source.path), "examples": 100, "epochs": 2, **values})


# --- what is frozen, what is taken


def test_frozen_layers_stay_to_the_bit_and_the_others_learn(source, tmp_path):
    """Statistics of batch normalisation and decoupled weight decay included; afterwards all can be trained again."""
    values = {"optimizer.name": "adamw", "optimizer.weight_decay": 0.1, "transfer.rate_decay": 1.5}
    run = tuned(source, tmp_path / "run", epochs=1, **values, **{"transfer.freeze": ["c1*", "c3_*"]})
    told = []
    pipeline.train(run, lambda *what: told.append(what[0]))
    before, after = weights(source.model()), weights(run.model())
    assert {path for path, _ in same(before, after)} == {"c1_conv", "c1_bn", "c3_conv", "c3_bn"}
    assert len(same(before, after)) == 10
    assert all(layer.trainable for layer in run.model().layers)
    noted = rundir.noted(run, "transfer")
    assert noted["frozen"] == ["c1_conv", "c1_bn", "c3_conv", "c3_bn"]
    assert noted["rates"] == pytest.approx({"c5": 1.5**-2, "f6": 1.5**-1, "logits": 1.0})
    assert noted["left_out"] == {}
    assert f"weights of {source.path}: {', '.join(layers.weighted(run.model()))}" in told
    assert "frozen: c1_conv, c1_bn, c3_conv, c3_bn" in told


def test_a_head_for_other_classes_begins_anew(source):
    model = zoo.create("lenet5_modern", classes=3)
    donor = Donor("source", source.model(), tuple("0123456789"))
    taken = taking.take(model, donor, "auto", ("cat", "dog", "emu"))
    assert taken.left_out == {
        "logits": "begins anew: 3 classes (cat, dog, emu) in the place of 10 classes (0, 1, 2, …)"
    }
    assert same(weights(model, "[cf]*"), weights(donor.model, "[cf]*")) == set(weights(model, "[cf]*"))


@pytest.mark.parametrize(
    ("head", "classes", "kept"),
    [
        ("auto", "0123456789", True),
        ("auto", "abcdefghij", False),
        ("new", "0123456789", False),
        ("kept", "abcdefghij", True),
    ],
)
def test_a_head_of_the_same_shape_is_kept_where_it_means_the_same(source, head, classes, kept):
    model = zoo.create("lenet5_modern")
    donor = Donor("source", source.model(), tuple("0123456789"))
    taken = taking.take(model, donor, head, tuple(classes))
    assert ("logits" in taken.layers) is kept
    assert bool(same(weights(model, "logits"), weights(donor.model, "logits"))) is kept


def test_what_fits_nowhere_is_refused_and_a_part_is_named(source):
    donor = Donor("runs/a", source.model(), ())
    larger = zoo.create("lenet5_modern", input_shape=(28, 28, 3))
    assert list(taking.take(larger, donor, "auto").left_out) == ["c1_conv"]
    with pytest.raises(RecipeError, match="transfer.head=kept: logits can't be kept, its shapes are 84×4 4"):
        taking.take(zoo.create("lenet5_modern", classes=4), donor, "kept")
    with pytest.raises(RecipeError, match="transfer.source=runs/a: none of its layers fits separable_cnn"):
        taking.take(zoo.create("separable_cnn", filters=[8, 8]), donor, "auto")


def test_the_head_is_found_behind_what_has_no_weights():
    image = keras.Input((4,), name="image")
    x = keras.layers.Dense(3, name="features")(image)
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="last")], name="inner")
    normalized = keras.layers.BatchNormalization(name="norm")(inner(x))
    model = keras.Model(image, keras.layers.Softmax()(normalized))
    assert layers.head(model) == {"norm", "inner/last"}
    assert list(layers.weighted(model)) == ["features", "inner/last", "norm"]


# --- how fast


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("lenet5_modern", GROUPS),
        ("resnet8", ["stem", "block1", "block2", "block3", "logits"]),
        ("separable_cnn", ["stem", *(f"block{i}" for i in range(1, 8)), "logits"]),
    ],
)
def test_groups_are_blocks_from_the_first_to_the_last(name, groups):
    assert list(layers.groups(zoo.create(name))) == groups


@settings(deadline=None, max_examples=8)
@given(
    st.sampled_from(["sgd", "adam", "adamw"]),
    st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=2, max_size=3),
    st.integers(0, 2**16),
)
def test_steps_are_those_of_the_optimizer_at_each_weights_own_rate(name, factors, seed):
    """Nesterov's momentum, Adam's moments and decoupled decay by hand, in float64."""
    rng = np.random.default_rng(seed)
    rate, decay = 0.05, 0.1
    start = [rng.normal(size=4) for _ in factors]
    variables = [keras.Variable(w, dtype="float32") for w in start]
    kinds = {
        "sgd": lambda: rates.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay),
        "adam": lambda: rates.Adam(rate),
        "adamw": lambda: rates.AdamW(rate, weight_decay=decay),
    }
    optimizer = kinds[name]()
    optimizer.build(variables)
    rates.give(optimizer, {id(v): f for v, f in zip(variables, factors, strict=True)}, variables)
    moments = [(np.zeros(4), np.zeros(4)) for _ in factors]
    expected = [w.copy() for w in start]
    for step in range(1, 4):
        gradients = [rng.normal(size=4) for _ in factors]
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients])
        for i, (factor, gradient) in enumerate(zip(factors, gradients, strict=True)):
            own = rate * factor
            if name != "adam":
                expected[i] -= own * decay * expected[i]
            m, v = moments[i]
            if name == "sgd":
                m = 0.9 * m - own * gradient
                expected[i] += 0.9 * m - own * gradient
            else:
                m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
                size = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                expected[i] -= own * size * m / (np.sqrt(v) + 1e-7)
            moments[i] = m, v
    for variable, begun, value, factor in zip(variables, start, expected, factors, strict=True):
        np.testing.assert_allclose(np.asarray(variable), value, rtol=2e-5, atol=2e-5)
        assert np.array_equal(np.asarray(variable), begun.astype("float32")) is (factor == 0)


def test_the_plan_divides_rates_and_begins_at_the_end():
    model = zoo.create("lenet5_modern")
    groups = schedule.plan(model, Transfer(rate_decay=2.6, unfreeze_every=2))
    assert [g.name for g in groups] == GROUPS
    assert [g.rate for g in groups] == pytest.approx([2.6**-4, 2.6**-3, 2.6**-2, 2.6**-1, 1])
    assert [g.begins for g in groups] == [8, 6, 4, 2, 0]


@pytest.fixture(scope="module")
def gradual(source, tmp_path_factory):
    """A run that learns one more group every epoch, paused after each: the run, and its weights by epoch."""
    values = {
        "transfer.unfreeze_every": 1,
        "transfer.rate_decay": 1.5,
        "transfer.freeze": ["c1*", "c3*"],
        "epochs": 3,
    }
    run = tuned(source, tmp_path_factory.mktemp("gradual") / "run", **values)
    return run, [weights(source.model()), *(weights(pipeline.pause(run, n)) for n in (1, 2, 3))]


def test_layers_are_learnt_one_group_more_an_epoch(gradual):
    """What is not learnt yet stays to the bit, statistics included; what is changes in every epoch."""
    _, by_epoch = gradual
    for epoch, (before, after) in enumerate(itertools.pairwise(by_epoch)):
        changed = {path.partition("_")[0] for path, _ in set(before) - same(before, after)}
        assert changed == set(GROUPS[4 - epoch :])


def test_a_run_that_stopped_after_every_epoch_ends_as_one_that_did_not(gradual, source, tmp_path):
    paused, by_epoch = gradual
    straight = rundir.create(tmp_path / "straight", paused.recipe)
    pipeline.train(straight)
    assert straight.history() == paused.history()
    after = weights(straight.model())
    assert same(after, by_epoch[-1]) == set(after)


# --- few examples


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(0, 100), st.data())
def test_few_examples_keep_the_shares_of_classes_and_grow(counts, seed, data):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    smaller, larger = sorted(data.draw(st.tuples(*[st.integers(2, len(labels))] * 2)))
    few, more = (
        fewer.chosen(registry.get("lenet5_digits", examples=n, seed=seed), labels) for n in (smaller, larger)
    )
    assert len(few) == smaller
    assert len(np.unique(few)) == smaller
    assert set(few) <= set(more)
    shares = np.bincount(labels[few], minlength=len(counts)) - smaller * np.array(counts) / len(labels)
    assert np.abs(shares).max() <= (1 + len(counts)) / 2


def test_examples_are_what_is_trained_and_validated_on():
    recipe = registry.get("lenet5_digits", examples=60)
    context = tasks.Context(recipe, pipeline.prepare(recipe))
    assert context.train.size + context.validation.size == 60
    with pytest.raises(RecipeError, match="examples=5000: give 2 to 1442"):
        tasks.Context(registry.get("lenet5_digits", examples=5000), context.data).train  # noqa: B018


# --- what is asked for


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"transfer.source": "lenet5_mnits"}, r"no such recipe.*Did you mean 'lenet5_mnist'"),
        ({"transfer.source": "lenet5_mnist"}, r"it is a lenet5, and this recipe's model is a lenet5_modern"),
        ({"transfer.freeze": ["c2*"]}, r"transfer.freeze is for weights that were learnt before"),
        (
            {"transfer.source": "RUN", "transfer.freeze": ["c3conv"]},
            r"transfer.freeze=c3conv: .*mean 'c3_conv'",
        ),
        ({"transfer.source": "RUN", "transfer.freeze": ["*"]}, r"freezes every layer of lenet5_modern"),
        (
            {"transfer.source": "RUN", "transfer.unfreeze_every": 3},
            r"c1 would be learnt from epoch 13 of 2 on",
        ),
        (
            {"transfer.source": "RUN", "transfer.freeze": ["c1*"], "pruning.sparsity": 0.5},
            r"give pruning.skip",
        ),
        ({"transfer.source": "RUN", "transfer.rate_decay": 0.5}, r"transfer.rate_decay=0.5"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(source, tmp_path, values, message):
    given = {key: str(source.path) if value == "RUN" else value for key, value in values.items()}
    with pytest.raises(RecipeError, match=message):
        start(tmp_path / "run", epochs=2, **given)
    assert not (tmp_path / "run").exists()


def test_a_layer_that_begins_anew_is_not_frozen(source, tmp_path):
    run = tuned(source, tmp_path / "run", **{"transfer.freeze": ["logits"], "transfer.head": "new"})
    with pytest.raises(RecipeError, match="would keep logits as it was drawn"):
        pipeline.train(run)


def test_from_on_the_command_line_and_what_it_is_worth(source, edgezoo, tmp_path):
    """On 40 examples: better than from scratch, which `transfer.compare` trains beside it."""
    values = {**SMALL, "batch_size": 16, "examples": 40, "epochs": 5, "transfer.compare": "true"}
    values = {**values, "precisions": "float32", "augmentation.translation": "0,0"}
    settings_ = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    path = tmp_path / "tuned"
    ended = edgezoo("train", "lenet5_digits", "--from", source.path, "--out", path, *settings_)
    assert ended.code == 0, ended.err
    assert "weights of" in ended.err
    run = rundir.open_run(path)
    assert run.recipe.transfer.source == str(source.path.resolve())
    scores = pipeline.evaluate(run)["test"]
    assert scores["fine_tuning_gain"] == scores["accuracy"] - scores["from_scratch_accuracy"]
    assert scores["fine_tuning_gain"] > 0.1
    assert json.loads((path / "environment.json").read_text())["transfer"]["taken"][0] == "c1_conv"
    plain = rundir.create(tmp_path / "plain", learnt.without(run.recipe))
    pipeline.train(plain)
    scratch, alone = (weights(rundir.load_model(file)) for file in (run.scratch_file, plain.model_file))
    assert same(scratch, alone) == set(alone)
