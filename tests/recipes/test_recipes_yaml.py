"""Recipes in YAML files: what they mean, what is refused and where, and that they run like any other."""

import json

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import recipes
from recipes import yaml_recipes


@pytest.fixture
def file(tmp_path):
    """`file(text)` writes a YAML file and gives its path."""

    def write(text, name="mine.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_other_values_than_the_catalogues(file):
    path = file(
        "recipe: lenet5_digits\n"
        "epochs: 3\n"
        "optimizer:\n  learning_rate: 3e-3\n  name: sgd\n"
        "augmentation.translation: [0.1, 0.2]\n"
        "arguments: {connections: published}\n"
        "precisions: [float32, int8]\n"
    )
    found, base = recipes.get(path), recipes.get("lenet5_digits")
    assert found == msgspec.structs.replace(
        base,
        name="mine",
        summary="The recipe in mine.yaml.",
        epochs=3,
        optimizer=msgspec.structs.replace(base.optimizer, learning_rate=3e-3, name="sgd"),
        augmentation=msgspec.structs.replace(base.augmentation, translation=(0.1, 0.2)),
        arguments={"connections": "published"},
        precisions=("float32", "int8"),
        expected=None,  # which holds for the catalogue's own values
    )
    assert recipes.get(path, epochs=5, seed=2).epochs == 5


def test_a_whole_recipe(file):
    path = file(
        "name: small\nsummary: A small one.\nmodel: lenet5\ndata: digits\nfeatures: {image_size: [28, 28]}\n"
        "expected: {metric: accuracy, value: 0.9}\nspace: {optimizer.learning_rate: 'log:1e-4..1e-1'}\n"
    )
    found = recipes.get(path)
    assert (found.name, found.summary, found.model, found.data) == (
        "small",
        "A small one.",
        "lenet5",
        "digits",
    )
    assert found.features.image_size == (28, 28) and found.expected.value == 0.9
    assert found.space == {"optimizer.learning_rate": "log:1e-4..1e-1"}


def test_a_file_begins_with_another_file_beside_it(file):
    file("recipe: lenet5_digits\nepochs: 7\nbatch_size: 16\n", "first.yaml")
    assert recipes.get(file("recipe: first.yaml\nepochs: 8\n")).epochs == 8
    assert recipes.get(file("recipe: first.yaml\n")).batch_size == 16


CORE = [  # YAML 1.2, section 10.3.2, where 1.1 means something else
    ("3e-3", 3e-3),
    ("1E5", 1e5),
    (".5", 0.5),
    ("-.inf", float("-inf")),
    ("no", "no"),
    ("On", "On"),
    ("y", "y"),
    ("012", 12),
    ("0o17", 15),
    ("0x1F", 31),
    ("12:30", "12:30"),
    ("2026-01-01", "2026-01-01"),
    ("1_000", "1_000"),
    ("~", None),
    ("", None),
    ("TRUE", True),
    ("'7'", "7"),
    ("null", None),
    ("'none'", "none"),
]


@pytest.mark.parametrize(("text", "meant"), CORE)
def test_scalars_are_those_of_yaml_1_2(file, text, meant):
    value = yaml_recipes._values(file(f"key: {text}\n"))["key"][0]
    assert value == meant and type(value) is type(meant)


@pytest.mark.parametrize("text", ["7", "'7'", "none", "'true'", "[1, '2', null]", "0.25", "sgd"])
def test_arguments_keep_their_types(file, text):
    assert recipes.get(file(f"recipe: lenet5_digits\narguments:\n  x: {text}\n")).arguments[
        "x"
    ] == yaml.safe_load(text)


BAD = [
    ("recipe: lenet5_digits\nepochs: -1\n", ["line 2", "epochs=-1", ">= 1"]),
    ("recipe: lenet5_digits\n\n# rate\noptimizer:\n  learning_rat: 1\n", ["line 5", "'learning_rate'"]),
    ("recipe: lenet5_digits\noptimizer.name: adan\n", ["line 2", "adan", "'adam'"]),
    ("recipe: lenet5_digits\noptimizer: 3\n", ["line 2", "optimizer=3"]),
    ("recipe: lenet5_digits\nepochs: many\n", ["line 2", "epochs=many"]),
    ("recipe: lenet5_digits\nepochs:\n", ["line 2", "epochs"]),
    ("recipe: lenet5_digit\n", ["line 1", "'lenet5_digits'"]),
    ("recipe: [a]\n", ["line 1", "no recipe"]),
    ("recipe: nowhere.yaml\n", ["line 1", "nowhere.yaml", "cannot be read"]),
    ("epochs: 3\n", ["no model and no data", "recipe: NAME"]),
    ("model: lenet5\n", ["no data"]),
    ("recipe: lenet5_digits\nepochs: 3\nepochs: 4\n", ["line 3", "'epochs'", "second time"]),
    ("recipe: lenet5_digits\noptimizer: {name: sgd}\noptimizer.name: adam\nx: 1\n", ["line 4", "'x'"]),
    ("recipe: lenet5_digits\nname: lenet5_mnist\n", ["line 2", "catalogue"]),
    ("recipe: lenet5_digits\nname: a/b\n", ["line 2", "'a/b'"]),
    ("recipe: lenet5_digits\nepochs: [3\n", ["line 3", "no YAML"]),
    ("recipe: lenet5_digits\n\tepochs: 3\n", ["line 2", "no YAML"]),
    ("recipe: lenet5_digits\nepochs: !!python/name:os.system x\n", ["line 2", "tag"]),
    ("- a\n- b\n", ["holds no recipe"]),
    ("", ["holds no recipe"]),
    ("recipe: mine.yaml\n", ["circle"]),
    ("recipe: &a [*a]\n", ["part of itself"]),
    ("recipe: " + "[" * 600, ["mine.yaml"]),
    (
        "recipe: lenet5_digits\nx: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"x{c}: &{c} [{','.join([f'*{b}'] * 10)}]\n" for b, c in zip("abcde", "bcdef", strict=True)
        ),
        ["10,000"],
    ),
]


@pytest.mark.parametrize(("text", "parts"), BAD)
def test_what_is_wrong_is_named_with_file_and_line(file, text, parts):
    path = file(text)
    with pytest.raises(recipes.RecipeError) as raised:
        recipes.get(path)
    for part in (str(path), *parts):
        assert part in str(raised.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(recipes.RecipeError, match="cannot be read"):
        recipes.get(tmp_path / "nothing.yaml")
    (tmp_path / "bytes.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(recipes.RecipeError, match="no text"):
        recipes.get(tmp_path / "bytes.yml")


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "optimizer.learning_rate": st.floats(1e-9, 1e3),
        "optimizer.name": st.sampled_from(("adam", "adamw", "sgd")),
        "optimizer.clip_norm": st.none() | st.floats(1e-3, 10),
        "augmentation.translation": st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)),
        "batch_size": st.integers(1, 4096),
        "label_smoothing": st.floats(0, 0.9),
        "arguments.activation": st.sampled_from(("tanh", "no", "1e3", "null", "7", "é: #")),
        "arguments.filters": st.lists(st.integers(1, 512), min_size=1, max_size=4),
    },
)


@settings(max_examples=40, deadline=None)
@given(changes=CHANGES, name=st.sampled_from(("lenet5_digits", "ds_cnn_spoken_digit")))
def test_what_is_written_is_read_again(tmp_path_factory, changes, name):
    path = tmp_path_factory.mktemp("yaml") / "mine.yaml"
    from recipes import registry

    recipe = recipes.get(name, **registry.literal(changes))
    yaml_recipes.write(path, recipe, "tuned", "What it is:\n a comment")
    found = recipes.get(path)
    assert found == msgspec.structs.replace(recipe, name="tuned", summary=found.summary, expected=None)
    yaml_recipes.write(path, msgspec.structs.replace(recipe, name="of_my_own"), "tuned")
    assert recipes.get(path) == found  # without the catalogue


def test_a_file_is_shown_trained_and_gone_on_with(file, tmp_path, edgezoo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = file("recipe: lenet5_digits\nepochs: 1\nbatch_size: 256\n")
    assert json.loads(edgezoo("show", path, "--json").out)["batch_size"] == 256
    assert "epochs" in edgezoo("show", path).out
    ended = edgezoo("train", path, "--seed", 3)
    assert ended.code == 0, ended.err
    path.unlink()  # the run holds the whole recipe
    assert edgezoo("train", "--resume", tmp_path / "runs" / "mine-seed3").code == 0
    refused = edgezoo("run", "missing.yaml")
    assert refused.code == 2 and "missing.yaml cannot be read" in refused.err
