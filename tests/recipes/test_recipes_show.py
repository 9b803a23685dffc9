"""`edgezoo show` of architectures: every column, other arguments, and what does not tile."""

import json

import pytest

import zoo


def test_every_column_is_there(edgezoo):
    out = edgezoo("show", "lenet5").out
    for column in ("output", "parameters", "MACs", "receptive field", "step", "float32 bytes", "int8 bytes"):
        assert column in out
    assert "61,706" in out and "416,520" in out and "28×28×6" in out
    assert "23,520" in out and "5,880" in out  # the peak


def test_json_is_the_description(edgezoo):
    said = json.loads(edgezoo("show", "lenet5", "--json").out)
    description = zoo.describe(zoo.create("lenet5"))
    assert said["activation_bytes"] == description.activation_bytes
    assert [row["name"] for row in said["rows"]] == [row.name for row in description.rows]
    first = said["rows"][1]
    assert (first["name"], first["receptive_field"], first["macs"]) == ("c1", [5, 5], 117_600)
    assert first["activation_bytes"] == 4 * 28 * 28 * 6


def test_other_arguments(edgezoo):
    said = json.loads(
        edgezoo("show", "resnet8", "--set", "input_shape=64,48,1", "--set", "classes=3", "--json").out
    )
    assert said["input_shape"] == [64, 48, 1]
    assert said["rows"][-1]["output_shape"] == [3]


def test_windows_that_do_not_tile_are_said(edgezoo):
    ended = edgezoo("show", "lenet5", "--set", "input_shape=(45,45,1)")
    assert ended.code == 1
    assert "20×20×6*" in ended.out
    assert "s2: windows of 2 pixels at stride 2 do not tile 41 pixels" in ended.err
    assert "Sizes that tile: 40, 42" in ended.err
    assert edgezoo("show", "lenet5").code == 0


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("clases=3", ["'clases'", "'classes'"]),
        ("input_shape=45,45", ["input_shape=(45, 45)", "(45, 45, 1)"]),
        ("input_shape=large", ["input_shape='large'"]),
        ("classes", ["key=value"]),
    ],
)
def test_bad_arguments(edgezoo, assignment, words):
    ended = edgezoo("show", "lenet5", "--set", assignment)
    assert ended.code == 2
    assert all(word in ended.err for word in words)
    assert "Traceback" not in ended.err


def test_a_recipe_with_other_values(edgezoo):
    said = json.loads(edgezoo("show", "lenet5_digits", "--set", "regularization.l2=1e-4", "--json").out)
    assert said["regularization"]["l2"] == 1e-4
    assert "regularization.max_norm" in edgezoo("show", "lenet5_digits").out


def test_adopted_architectures_are_shown(edgezoo):
    ended = edgezoo("show", "keras/MobileNetV2", "--set", "input_shape=32,32,3")
    assert "MobileNetV2 of `keras.applications`" in ended.err
    assert "Conv_1_bn" in ended.out
