"""Where a file is slower than float32, the report says which operators do it and what avoids them."""

import types

import keras
import numpy as np
import pytest

import export
from export.profiling import OperatorTime
from export.slowness import ADVICE, slower

L = keras.layers


def time(operator, ms, delegated=True):
    values = {"median_ms": ms, "p10_ms": ms, "p90_ms": ms}
    return OperatorTime(operator=operator, layer="x", output="x", delegated=delegated, **values)


def measured(ms, *profile, partitions=1):
    left = [t.operator for t in profile if not t.delegated]
    return export.Benchmark(
        bytes=1,
        sha256="",
        operators={},
        threads=1,
        runs=1,
        warmup=0,
        median_ms=ms,
        p10_ms=ms,
        p90_ms=ms,
        first_ms=ms,
        peak_memory_bytes=1,
        partitions=partitions,
        undelegated={name: left.count(name) for name in sorted(left)},
        device="",
        profile=profile,
    )


def report(base, other, advice=()):
    files = [
        types.SimpleNamespace(file=f"{name}.tflite", precision=name, benchmark=benchmark)
        for name, benchmark in (("float32", base), ("int8", other))
    ]
    return types.SimpleNamespace(files=files, file=lambda name: files[0], advice=dict(advice))


def test_a_cut_is_named_with_its_share_and_remedy():
    base = measured(1.0, time("CONV_2D", 0.9), time("AVERAGE_POOL_2D", 0.1))
    parts = (time("CONV_2D", 0.8), time("AVERAGE_POOL_2D", 0.4, False), time("AVERAGE_POOL_2D", 0.4, False))
    cut = measured(1.6, *parts, time("SOFTMAX", 0.001, False), partitions=3)
    (text,) = slower(report(base, cut))
    assert text.startswith("`int8.tflite` is slower than `float32.tflite` on this machine, 1.60 times.")
    assert "in 3 parts, cut by AVERAGE_POOL_2D (2, 50% of the time), SOFTMAX (1, 0% of the time)." in text
    assert ADVICE["AVERAGE_POOL_2D"] in text
    assert ADVICE["SOFTMAX"] not in text  # nothing is gained there
    assert "Most of the difference" not in text


def test_the_callers_variant_comes_first():
    cut = measured(2.0, time("DIV", 1.5, False), time("CONV_2D", 0.5), partitions=2)
    (text,) = slower(report(measured(1.0), cut, {"DIV": "`another`, which does not divide"}))
    assert text.endswith("What avoids them: `another`, which does not divide.")


def test_without_a_cut_the_operator_that_lost_most_is_named():
    base = measured(1.0, time("CONV_2D", 0.4), time("DEPTHWISE_CONV_2D", 0.6))
    (text,) = slower(report(base, measured(1.3, time("CONV_2D", 0.3), time("DEPTHWISE_CONV_2D", 0.9))))
    assert text.endswith(
        "Most of the difference is in DEPTHWISE_CONV_2D: it takes 1.5 times as long as in float32, 75% of the whole."
    )
    (text,) = slower(report(base, measured(1.3, time("QUANTIZE", 1.3))))
    assert "QUANTIZE: it takes time that float32 does not need" in text


def test_what_is_as_fast_is_not_mentioned():
    base = measured(1.0, time("CONV_2D", 1.0))
    assert slower(report(base, measured(1.04, time("GELU", 1.0, False), partitions=2))) == []


def test_xnnpack_takes_nothing():
    (text,) = slower(report(measured(1.0), measured(1.5, partitions=0)))
    assert text.endswith("XNNPACK takes no part of its graph.")


class Enlarge(L.Layer):
    def __init__(self, interpolation):
        super().__init__()
        self.interpolation = interpolation

    def call(self, x):
        return keras.ops.image.resize(x, (12, 12), interpolation=self.interpolation)


class EnlargeAndReLU(Enlarge):
    def call(self, x):
        return keras.ops.relu(super().call(x))


@pytest.mark.parametrize(
    ("operator", "cutting", "instead"),
    [
        ("AVERAGE_POOL_2D", lambda: L.AveragePooling2D(3, 2, "same"), lambda: L.AveragePooling2D(3, 2)),
        ("GELU", lambda: L.Activation("gelu"), lambda: L.ReLU(6.0)),
        ("RELU", lambda: EnlargeAndReLU("bilinear"), lambda: L.Conv2D(4, 1, activation="relu")),
        ("RESIZE_NEAREST_NEIGHBOR", lambda: Enlarge("nearest"), lambda: Enlarge("bilinear")),
        ("SOFTMAX", lambda: L.Softmax(), lambda: L.Identity()),
    ],
)
def test_the_remedy_leaves_the_graph_in_one_piece(chain, operator, cutting, instead):
    """Asked of the XNNPACK that is installed."""
    data = np.random.default_rng(0).normal(size=(8, 6, 6, 4)).astype(np.float32)
    for layer, left in ((cutting(), {operator: 1}), (instead(), {})):
        model = chain((6, 6, 4), L.Conv2D(4, 3, padding="same"), layer, L.Conv2D(2, 1))
        found = export.benchmark(export.to_tflite(model, "int8", [data]), runs=1)
        assert (found.undelegated, found.partitions) == (left, 2 if left else 1)
    assert operator in ADVICE


@pytest.mark.parametrize(
    "layer",
    [
        L.Conv2D(4, 3, padding="same", dilation_rate=2, activation="relu"),
        L.DepthwiseConv2D(3, padding="same", dilation_rate=2, activation="relu6"),
        L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"),
        L.Conv2DTranspose(12, 3, strides=2, padding="same", activation="relu"),
        L.Conv2DTranspose(12, 4, strides=3, padding="same", activation="relu6"),
    ],
)
def test_dilated_and_transposed_convolutions_cut_no_graph(chain, layer):
    data = np.random.default_rng(0).normal(size=(8, 6, 6, 4)).astype(np.float32)
    model = chain((6, 6, 4), layer, L.Conv2D(2, 1))
    files = export.convert(model, ["float32", "int8"], [data])
    found = export.benchmark(files["int8"], runs=1)
    assert (found.undelegated, found.partitions) == ({}, 1)
    assert export.verify(model, files["int8"], [data]).passed
    errors = {each.layer: each.own_error for each in export.explain(*files.values(), [data]).layers}
    assert layer.name in errors and max(errors.values()) < 0.1


def test_what_cuts_nothing_is_said_to():
    base = measured(1.0, time("CONV_2D", 0.5), time("ADD", 0.5))
    (text,) = slower(report(base, measured(1.2, time("CONV_2D", 0.51), time("ADD", 0.49))))
    assert text.endswith("No operator cuts its graph, and none takes most of the difference.")


def test_a_report_says_it_everywhere(chain, tmp_path, monkeypatch):
    """An int8 file of many GELUs is slower than the float32 one; whether or not, the texts agree."""
    layers = [layer for _ in range(4) for layer in (L.Conv2D(8, 1), L.Activation("gelu"))]
    data = np.random.default_rng(0).normal(size=(8, 16, 16, 4)).astype(np.float32)
    made = export.export_model(
        chain((16, 16, 4), *layers),
        tmp_path,
        precisions=["int8"],
        calibration=[data],
        batches=[data],
        advice={"GELU": "another activation"},
        runs=5,
    )
    assert export.load_report(tmp_path) == made
    assert made.file("int8").benchmark.undelegated == {"GELU": 4}
    assert made.advice == {"GELU": "another activation"}
    for text in slower(made):
        assert text in (tmp_path / "report.md").read_text()
    page = (tmp_path / "report.html").read_text()
    assert page.count('class="cut"') == 4
