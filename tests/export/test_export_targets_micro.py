"""Files in the real TensorFlow Lite Micro runtime, compared with LiteRT."""

import dataclasses

import numpy as np
import pytest

import export
from export import flatbuffer
from export.contents import Tensor
from export.targets import comparing, pieces, probing, runtimes
from export.targets.micro import interface, stored_samples

MAIN = ("serving_default", "reconstruct")


def fits(content, arena):
    """Whether the runtime lays a file out in an arena."""
    inputs, _ = main_interface(content)
    with runtimes.running(content, stored_samples(None, inputs)) as file:
        return file.call("fits", arena=arena)


def main_interface(content):
    """The inputs and outputs of the main signature."""
    return interface(pieces.main_part(content))


def test_every_int8_file_agrees_with_litert(net):
    samples = next(rows for name, rows in net.samples.items() if name in MAIN)[:6]
    run = export.run_micro(net.files["int8"], samples)
    assert run.agrees and run.max_steps <= 1 and run.explanation == ""
    assert run.samples == 6 and run.equal > 0.9 and "tflite_micro" in run.runtime
    assert run.arena_total == run.arena_head + run.arena_tail > 0
    assert run.arena_smallest % 16 == 0 and run.arena_smallest >= run.arena_head


def test_the_smallest_arena_is_the_smallest(classifier):
    content = classifier.files["int8"]
    least = export.run_micro(content).arena_smallest
    assert fits(content, least)
    assert not fits(content, least - 16)


@pytest.mark.parametrize("precision", ["float32", "int16x8"])
def test_other_precisions_that_the_runtime_has(classifier, precision):
    run = export.run_micro(classifier.files[precision], classifier.main[:4], smallest=False)
    assert run.agrees and run.arena_smallest is None and run.arena_total > 0


def test_the_outputs_are_those_of_litert(classifier):
    """The same inputs, by another road: the file's own predictor, whose kernels are XNNPACK's."""
    content, samples = classifier.files["int8"], classifier.main[:4]
    inputs, outputs = main_interface(content)
    with runtimes.running(content, stored_samples(samples, inputs)) as file:
        _, (found,) = file.outputs("micro", outputs=1, arena=None)
    predictor = export.load(content)
    expected = predictor.raw(samples)[outputs_of(predictor)]
    assert abs(found.reshape(expected.shape).astype(int) - expected).max() <= 1
    assert len(outputs) == 1 and expected.std() > 0


def outputs_of(predictor):
    return next(iter(predictor.contents.signatures.values())).outputs[0].name


def test_a_file_with_several_signatures_runs_its_main_one(coder):
    part = pieces.main_part(coder.files["int8"])
    assert len(part) < len(coder.files["int8"])
    contents = export.inspect(part)
    assert list(contents.signatures) == ["reconstruct"]
    images = coder.samples["reconstruct"][:3]
    np.testing.assert_array_equal(
        export.load(part)(images), export.load(coder.files["int8"])(images, "reconstruct")
    )
    assert pieces.main_part(part) == part


@pytest.mark.parametrize(
    ("precision", "reason"), [("dynamic_int8", "Hybrid models are not supported"), ("float16", "DEQUANTIZE")]
)
def test_a_refusal_gives_the_runtimes_own_reason(classifier, precision, reason):
    with pytest.raises(export.ExportError, match=reason):
        export.run_micro(classifier.files[precision])


def test_an_operator_without_a_kernel_for_int8():
    with pytest.raises(export.ExportError, match=r"INT8 != FLOAT32.*Node SQRT"):
        export.run_micro(probing.single("SQRT", type_="int8"))


def test_a_check_says_what_the_lists_do_not_know():
    """DEPTH_TO_SPACE is in the lists, but not for two axes."""
    check = export.check_target(probing.single("DEPTH_TO_SPACE", type_="int8"), "tflite_micro")
    assert not check.passed
    assert "DEPTH_TO_SPACE (number 0) failed to prepare" in check.problems[0]


def test_a_file_that_ends_the_process_is_an_error():
    """An IF without graphs to choose from is a segmentation fault in the runtime or a refusal."""
    with pytest.raises(export.ExportError):
        export.run_micro(probing.single("IF"))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 11, 12, 3), np.float32), "has shape"),
        (np.zeros((0, 12, 12, 3), np.float32), "has shape"),
        ([np.zeros((1, 12, 12, 3))] * 2, "1 inputs; the samples are for 2"),
        ({"other": np.zeros((1, 12, 12, 3))}, "lack"),
    ],
)
def test_samples_that_do_not_fit(classifier, samples, message):
    with pytest.raises(export.InvalidInput, match=message):
        export.run_micro(classifier.files["int8"], samples)


def test_an_input_of_open_size(classifier):
    model = flatbuffer.parse(classifier.files["int8"])
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].shape = [0, 12, 12, 3]
    with pytest.raises(export.ExportError, match="every axis fixed"):
        export.run_micro(flatbuffer.serialise(model))


def test_a_difference_is_found_and_counted():
    tensor = Tensor(name="y", shape=(1, 3), dtype="int8", scale=0.1)
    expected = np.array([[[1, 2, 3]], [[4, 5, 6]]], np.int8)
    found = expected.copy()
    assert comparing.compare([found], [expected], [tensor]).steps == 0
    found[1, 0, 2] -= 7
    result = comparing.compare([found], [expected], [tensor])
    assert (result.steps, result.row) == (7, 1) and result.equal == pytest.approx(5 / 6)
    floats = Tensor(name="y", shape=(1, 3), dtype="float32")
    broken = expected.astype(np.float32)
    broken[0, 0, 0] = np.nan
    assert comparing.compare([broken], [expected.astype(np.float32)], [floats]).steps > 1000


def test_operators_are_compared_one_by_one(classifier):
    content = classifier.files["int8"]
    inputs, _ = main_interface(content)
    with runtimes.running(content, stored_samples(classifier.main[:2], inputs)) as file:
        steps = comparing.operator_steps(file, content, row=1)
    assert set(steps) == set(export.inspect(content).operators)
    assert set(steps.values()) <= {0, 1}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ({"CONV_2D": 0, "ADD": 0}, "exactly what one of LiteRT's own sets of kernels gives"),
        ({"CONV_2D": 1, "ADD": 0}, "no operator differs by more than 1: CONV_2D rounds differently"),
        ({"CONV_2D": 0, "SUM": 127}, "Given the same inputs, SUM differs by 127"),
    ],
)
def test_a_difference_is_explained(classifier, steps, words):
    run = export.run_micro(classifier.files["int8"], smallest=False)
    run = dataclasses.replace(run, max_steps=3, operator_steps=steps)
    assert not run.agrees and "by 3 steps" in run.explanation and words in run.explanation


def test_without_the_package_the_extra_is_named(classifier, monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    with pytest.raises(export.ExportError, match=r"edgezoo\[micro\]"):
        export.run_micro(classifier.files["int8"])
    check = export.check_target(classifier.files["int8"], "tflite_micro")
    assert check.passed and "edgezoo[micro]" in check.notes[0] and check.measured == {}
