"""Targets as data, and files checked against them."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from export import flatbuffer
from export.targets import probing
from export.targets.target import get_target

L = keras.layers
TARGETS = export.target_names()


def edited(content, change):
    """A file with `change(model, graph)` made to it."""
    model = flatbuffer.parse(content)
    change(model, model.subgraphs[0])
    return flatbuffer.serialise(model)


def listed(content, target):
    return export.check_target(content, target, run=False)


def told(check):
    return "\n".join(map(str, check.findings))


def test_the_targets_that_are_promised():
    expected = "android coral_edgetpu ethos_u55 ethos_u65 gpu_delegate ios raspberry_pi tflite_micro web"
    assert list(TARGETS) == expected.split()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_complete(name):
    target = get_target(name)
    assert set(target.precisions) <= set(export.PRECISIONS)
    assert set(target.operators) <= set(flatbuffer.builtin_names())
    assert {"CONV_2D", "FULLY_CONNECTED", "ADD"} <= set(target.operators)
    assert target.needs and target.summary and target.operators_from
    assert all(source.startswith("https://") for source in target.sources)
    assert set(target.remedies) <= set(flatbuffer.builtin_names())


def test_an_unknown_target():
    with pytest.raises(export.InvalidInput, match="Did you mean 'tflite_micro'"):
        export.check_target(b"", "tflite_mikro")


def test_litert_has_the_operators_of_the_table():
    """Each in the version that is given, and in none that is newer."""
    table = {name: limits.version for name, limits in get_target("android").operators.items()}
    newest = [probing.single(name, number) for name, number in table.items()]
    newer = [probing.single(name, number + 1) for name, number in table.items()]
    said = probing.ask("litert", newest + newer)
    missing = ["Didn't find op" in (text or "") for text in said]
    assert missing == [False] * len(table) + [True] * len(table)


ABSENT = ("CONV_3D", "GELU", "POW", "TILE", "TOPK_V2")


@pytest.mark.parametrize("name", ["COS", "ELU", "RSQRT", "SQRT", *ABSENT])
def test_the_micro_runtime_has_the_operators_of_the_table(name):
    table = get_target("tflite_micro").operators
    said = probing.ask("micro", [probing.single(name, type_=type_) for type_ in probing.TYPES])
    if name in ABSENT:
        assert name not in table
        assert all(f"registration from op code {name}" in text for text in said)
        return
    takes = [type_ for type_, text in zip(probing.TYPES, said, strict=True) if text is None]
    assert takes == list(table[name].types)


def test_vela_has_the_operators_of_the_table():
    assert set(get_target("ethos_u55").operators) == set(probing.ethos_u())


@pytest.mark.parametrize("target", TARGETS)
def test_an_int8_classifier_runs_everywhere(classifier, target):
    check = listed(classifier.files["int8"], target)
    assert check.passed
    assert {finding.subject for finding in check.findings} <= {"FULLY_CONNECTED"}  # its scales, on a Coral
    assert check.sha256 == export.inspect(classifier.files["int8"]).sha256


@pytest.mark.parametrize(
    ("precision", "target", "words"),
    [
        ("float32", "coral_edgetpu", ["float32 tensor", "Make the file in int8."]),
        ("float32", "ethos_u55", ["float32 tensor", "int8 or int16x8"]),
        ("float16", "tflite_micro", ["float16 weights", "Make the file in int8"]),
        ("dynamic_int8", "tflite_micro", ["CONV_2D multiplies float inputs", "instead of dynamic_int8"]),
        ("dynamic_int8", "gpu_delegate", ["FULLY_CONNECTED multiplies float inputs"]),
        ("int16x8", "coral_edgetpu", ["int16 tensor"]),
        ("int16x8", "gpu_delegate", ["int16 tensor"]),
    ],
)
def test_a_precision_that_a_target_does_not_run(classifier, precision, target, words):
    check = listed(classifier.files[precision], target)
    assert check.findings
    for word in words:
        assert word in told(check)
    assert all(finding.remedy and finding.places for finding in check.findings)


def test_an_operator_that_a_runtime_lacks_is_named_with_its_remedy():
    check = listed(probing.single("TILE"), "tflite_micro")
    (finding,) = check.findings
    assert (finding.subject, finding.stops, finding.places) == ("TILE", True, ("y",))
    assert "concatenation" in finding.remedy
    assert not check.passed and check.problems == (str(finding),)


def test_an_operator_that_falls_back_is_no_reason_to_stop():
    check = listed(probing.single("TOPK_V2"), "gpu_delegate")
    assert check.passed and "goes to the processor" in told(check)


def test_a_fallback_without_the_operator_stops_the_file():
    """Ethos-U leaves SQRT to TensorFlow Lite Micro, which has it in float only."""
    assert not listed(probing.single("SQRT", type_="int8"), "ethos_u55").passed
    assert not listed(probing.single("TOPK_V2", type_="int8"), "ethos_u65").passed
    assert listed(probing.single("RSQRT", type_="int8"), "ethos_u55").passed


@pytest.mark.parametrize("target", TARGETS)
def test_an_operator_of_its_authors_own_runs_nowhere(classifier, target):
    def change(model, graph):
        code = model.operatorCodes[graph.operators[0].opcodeIndex]
        code.builtinCode = code.deprecatedBuiltinCode = 32
        code.customCode = b"FlexMine"

    check = listed(edited(classifier.files["int8"], change), target)
    assert not check.passed
    assert "FlexMine is no operator of LiteRT" in told(check)


def test_a_newer_version_of_an_operator(classifier):
    def change(model, graph):
        model.operatorCodes[graph.operators[0].opcodeIndex].version = 99

    content = edited(classifier.files["int8"], change)
    assert "is of version 99" in told(listed(content, "web"))
    assert listed(content, "tflite_micro").passed  # it does not look at versions


@pytest.mark.parametrize("target", ["tflite_micro", "coral_edgetpu", "ethos_u55"])
def test_an_open_batch(classifier, target):
    def change(model, graph):
        for tensor in graph.tensors:
            if len(tensor.shape) == 4:
                tensor.shapeSignature = [-1, *tensor.shape[1:]]

    check = listed(edited(classifier.files["int8"], change), target)
    assert not check.passed and "fixed batch of 1" in told(check)


def first(model, graph, kind):
    return next(o for o in graph.operators if flatbuffer.operator_name(model, o) == kind)


def fuse(model, graph):
    first(model, graph, "MAX_POOL_2D").builtinOptions.fusedActivationFunction = 1


def dilate(model, graph):
    first(model, graph, "CONV_2D").builtinOptions.dilationHFactor = 2


def reduce_batch(model, graph):
    axes = graph.tensors[first(model, graph, "MEAN").inputs[1]]
    model.buffers[axes.buffer].data = np.array([0, 1], np.int32).view(np.uint8)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (fuse, "MAX_POOL_2D has RELU fused into it"),
        (dilate, "CONV_2D is dilated by 2 and 1"),
        (reduce_batch, "MEAN works along the batch axis"),
    ],
)
def test_what_the_edge_tpu_asks_of_operators(classifier, change, problem):
    content = classifier.files["int8"]
    assert problem not in told(listed(content, "coral_edgetpu"))
    assert problem in told(listed(edited(content, change), "coral_edgetpu"))


def test_ranks_and_constants():
    assert "takes tensors of 3 or 4 axes" in told(listed(probing.single("SLICE"), "gpu_delegate"))

    def compute_axes(model, graph):
        graph.operators[0].inputs = [0, 0]

    content = edited(probing.single("MEAN"), compute_axes)
    assert "which has to be constant" in told(listed(content, "gpu_delegate"))

    def five(model, graph):
        graph.tensors[0].shape = [1, 2, 2, 2, 2]

    content = edited(probing.single("ABS"), five)
    assert "5 axes" in told(listed(content, "gpu_delegate"))
    assert "longer than 1 outside its 3 innermost" in told(listed(content, "coral_edgetpu"))


def test_only_the_main_signature_counts_where_no_other_can_be_called(coder):
    check = listed(coder.files["int8"], "tflite_micro")
    assert check.passed and "main signature only" in check.notes[0]
    assert listed(coder.files["int8"], "web").notes == ()


def test_a_file_without_signatures(classifier):
    def change(model, graph):
        model.signatureDefs = []

    for target in ("android", "tflite_micro"):
        check = export.check_target(edited(classifier.files["int8"], change), target)
        assert check.passed and len(check.checked_by) == 2


def test_memory_that_is_not_enough(classifier):
    content = classifier.files["int8"]
    check = export.check_target(content, "tflite_micro", flash=len(content) - 1, ram=64)
    assert {finding.subject for finding in check.findings} == {"flash", "RAM"}
    arena = check.measured["arena_smallest_bytes"]
    assert export.check_target(content, "tflite_micro", flash=len(content), ram=arena).passed


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_damaged_files_are_refused(classifier, data):
    content = bytearray(classifier.files["int8"])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, 3000))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    for target in ("coral_edgetpu", "tflite_micro"):
        try:
            check = listed(bytes(content[:end]), target)
        except export.InvalidFile:
            continue
        assert check.bytes == end


def test_the_verdict_as_json_and_text(classifier):
    check = listed(classifier.files["dynamic_int8"], "tflite_micro")
    content = json.loads(check.to_json())
    assert content["passed"] is False and content["target"] == "tflite_micro"
    assert content["findings"][0]["subject"] == "CONV_2D"
    text = check.to_markdown()
    assert text.startswith("# tflite_micro") and "does not run there" in text and check.sha256 in text


def test_a_run_in_litert_is_part_of_a_check(classifier):
    check = export.check_target(classifier.files["float16"], "android")
    assert check.passed and "ai-edge-litert" in check.checked_by[1]


def test_vela_is_part_of_a_check(chain):
    model = chain((6, 6, 2), L.Conv2D(4, 3), L.Conv2DTranspose(2, 3, strides=2, padding="same"))
    images = np.random.default_rng(0).random((8, 6, 6, 2), np.float32)
    content = export.to_tflite(model, "int8", [images])
    check = export.check_target(content, "ethos_u55", accelerator="ethos-u55-32")
    assert check.passed
    assert "DEPTH_TO_SPACE goes to the Cortex-M" in told(check)
    assert check.measured["cpu_operators"] == 1 and check.measured["cycles"] > 0
    with pytest.raises(export.InvalidInput, match="ethos-u65-256"):
        export.check_target(content, "ethos_u65", accelerator="ethos-u55-32")
