"""Files compiled for Ethos-U by the real compiler."""

import keras
import numpy as np
import pytest

import export
from export import flatbuffer
from export.targets import runtimes
from export.targets.ethos import accelerators

L = keras.layers


def test_a_classifier_runs_on_the_accelerator(classifier):
    run = export.compile_ethos(classifier.files["int8"])
    assert run.left_on_cpu == () and run.npu_operators > 3
    assert run.accelerator == "ethos-u55-128" and run.system_config == "Ethos_U55_High_End_Embedded"
    assert 0 < run.sram_bytes < 100_000 and 0 < run.flash_bytes < 100_000 and run.dram_bytes == 0
    assert run.inferences_per_second == pytest.approx(run.clock_hz / run.cycles, rel=0.01)
    assert run.macs > 10_000 and "ethos-u-vela" in run.compiler
    model = flatbuffer.parse(run.content)
    names = {flatbuffer.operator_name(model, o) for o in model.subgraphs[0].operators}
    assert names == {"ethos-u"}


@pytest.mark.parametrize("name", accelerators())
def test_every_size(classifier, name):
    run = export.compile_ethos(classifier.files["int8"], name)
    assert run.accelerator == name and run.cycles > 0
    assert (run.dram_bytes > 0) == name.startswith("ethos-u65")


def test_more_multipliers_take_fewer_cycles(classifier):
    small, large = (export.compile_ethos(classifier.files["int8"], f"ethos-u55-{n}") for n in (32, 256))
    assert large.cycles < small.cycles


def test_an_operator_left_on_the_cpu_is_named_with_its_reason(chain):
    layers = (L.Conv2D(4, 3), L.Conv2DTranspose(2, 3, strides=2, padding="same"))
    images = np.random.default_rng(0).random((8, 6, 6, 2), np.float32)
    run = export.compile_ethos(export.to_tflite(chain((6, 6, 2), *layers), "int8", [images]))
    (left,) = run.left_on_cpu
    assert (left.operator, left.reason) == ("DEPTH_TO_SPACE", "Unsupported opType")
    assert left.tensor and run.npu_operators


def test_a_float_file_stays_on_the_cpu(classifier):
    run = export.compile_ethos(classifier.files["float32"])
    assert run.npu_operators == 0 and run.cycles == 0 and run.left_on_cpu
    check = export.check_target(classifier.files["float32"], "ethos_u55")
    assert not check.passed and "runs no part of the file" in check.problems[-1]


def test_only_the_main_signature_is_compiled(coder):
    run = export.compile_ethos(coder.files["int8"])
    assert len(flatbuffer.parse(run.content).subgraphs) == 1


def test_bad_input(classifier, monkeypatch):
    with pytest.raises(export.InvalidInput, match="ethos-u55-128"):
        export.compile_ethos(classifier.files["int8"], "ethos-u55-1")
    with pytest.raises(export.InvalidFile):
        export.compile_ethos(np.random.default_rng(0).bytes(2000))
    with pytest.raises(export.ExportError, match="more than 0.01 seconds"):
        export.compile_ethos(classifier.files["int8"], timeout=0.01)
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None)
    with pytest.raises(export.ExportError, match=r"edgezoo\[ethos\]"):
        export.compile_ethos(classifier.files["int8"])
