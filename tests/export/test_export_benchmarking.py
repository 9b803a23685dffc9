"""Measurements are of the file given, in a process of their own."""

import dataclasses
import math

import keras
import numpy as np
import pytest

import export


def test_it_measures_the_file(classifier):
    content = classifier.files["float32"]
    found = export.benchmark(content, runs=20, warmup=2)
    contents = export.inspect(content)
    assert (found.sha256, found.bytes) == (contents.sha256, len(content))
    assert found.operators == dict(contents.operators)
    assert (found.runs, found.warmup, found.threads) == (20, 2, 1)
    assert 0 < found.p10_ms <= found.median_ms <= found.p90_ms < math.inf
    assert found.first_ms > 0
    assert found.load_ms > 0
    assert found.profile == ()
    assert found.device
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.median_ms = 0.0


def test_threads_are_compared(classifier):
    found = export.benchmark(classifier.files["int8"], threads=(2, 1, 2), runs=5)
    assert [latency.threads for latency in found.by_threads] == [2, 1]
    first = dataclasses.asdict(found.by_threads[0])
    assert first == {name: getattr(found, name) for name in first}
    assert all(0 < x.p10_ms <= x.median_ms <= x.p90_ms and x.load_ms > 0 for x in found.by_threads)


def test_memory_grows_with_the_weights(chain, tmp_path):
    wide = chain((2000,), keras.layers.Dense(4000, name="wide"), keras.layers.Dense(1, name="head"))
    small = export.benchmark(export.to_tflite(chain((4,), keras.layers.Dense(2))), runs=1)
    path = tmp_path / "wide.tflite"
    path.write_bytes(export.to_tflite(wide))
    large = export.benchmark(path, runs=1)
    assert large.peak_memory_bytes - small.peak_memory_bytes > 0.9 * 4 * 2000 * 4000


def test_it_says_what_cuts_the_graph(chain):
    """XNNPACK has no int8 kernel for GELU."""
    convolution = keras.layers.Conv2D
    model = chain((8, 8, 4), convolution(8, 3), keras.layers.Activation("gelu"), convolution(4, 3))
    data = np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype(np.float32)
    whole = export.benchmark(export.to_tflite(model), runs=1)
    assert (whole.partitions, whole.undelegated) == (1, {})
    cut = export.benchmark(export.to_tflite(model, "int8", [data]), runs=1)
    assert (cut.partitions, cut.undelegated) == (2, {"GELU": 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"threads": 0},
        {"threads": ()},
        {"threads": (1, 0)},
        {"threads": "2"},
        {"threads": (1, 2.5)},
        {"runs": 0},
        {"warmup": -1},
        {"runs": 2.5},
        {"runs": True},
    ],
)
def test_numbers_out_of_range(classifier, wrong):
    with pytest.raises(export.InvalidInput, match=next(iter(wrong))):
        export.benchmark(classifier.files["float32"], **wrong)


def test_it_ends_when_it_takes_too_long(classifier):
    with pytest.raises(export.ExportError, match="longer than"):
        export.benchmark(classifier.files["float32"], runs=10**9, timeout=2)
