"""Which layer loses what: the measure, the first layer that parts, and the word of it in a verification."""

import dataclasses
import math

import keras
import numpy as np
import pytest

import export
from export import flatbuffer
from export.explaining import explain_all
from export.predictor import dequantise, quantise
from export.quantization.ranges import keeping_interpreter

L = keras.layers


def spoiled(content, layer, factor=3.0):
    """An int8 file in which the weights' scales of one layer are wrong."""
    model = flatbuffer.parse(content)
    for tensor in model.subgraphs[0].tensors:
        constant = flatbuffer.constant(model, tensor)
        if constant is not None and constant.ndim == 4 and layer.encode() in tensor.name:
            tensor.quantization.scale = [factor * scale for scale in tensor.quantization.scale]
            return flatbuffer.serialise(model)
    raise LookupError(layer)


@pytest.fixture(scope="module")
def deep(chain):
    """Five convolutions in a row with a float32 and an int8 file."""
    layers = [L.Conv2D(8, 3, padding="same", activation="relu", name=f"conv{i}") for i in range(5)]
    model = chain((8, 8, 3), *layers)
    data = np.random.default_rng(0).random((40, 8, 8, 3), np.float32)
    files = export.convert(model, ("float32", "int8"), calibration=[data])
    return model, data, files


def test_a_file_is_equal_to_itself(net):
    name = next(iter(net.samples))
    found = export.explain(net.files["float32"], net.files["float32"], [net.samples[name]], name, samples=3)
    assert found.samples == 3
    assert {layer.error for layer in found.layers} == {layer.own_error for layer in found.layers} == {0.0}
    assert len(found.layers) > 1


@pytest.mark.parametrize("precision", ["float16", "dynamic_int8", "int8", "int16x8"])
def test_every_net_is_explained(net, precision):
    name = next(iter(net.samples))
    found = export.explain(net.files["float32"], net.files[precision], [net.samples[name]], name, samples=4)
    assert found.layers[0].operator == "INPUT"
    assert all(layer.error < 0.5 and layer.own_error < 0.5 for layer in found.layers)
    last = found.layers[-1]
    # XNNPACK, which `load` uses, rounds another way, above all what is quantised while it runs.
    tolerance = 0.6 if precision == "dynamic_int8" else 0.2
    assert last.error == pytest.approx(_output_error(net, precision, name), rel=tolerance, abs=2e-5)
    assert sorted(layer.own_error for layer in found.ranked) == [l.own_error for l in reversed(found.ranked)]


def _output_error(net, precision, name):
    one, other = (export.load(net.files[p]) for p in ("float32", precision))
    batch = net.samples[name][:4]
    outputs = [p(batch, name) for p in (one, other)]
    outputs = [o if isinstance(o, np.ndarray) else list(o.values())[-1] for o in outputs]
    return float(np.sqrt(np.mean((outputs[1] - outputs[0]) ** 2)) / outputs[0].std())


def test_the_measure_is_what_it_says(chain):
    """One layer by hand: its own error is that of its weights and output, not of its input."""
    model = chain((6,), L.Dense(4, name="dense"))
    data = np.random.default_rng(1).normal(size=(16, 6)).astype(np.float32)
    files = export.convert(model, ("float32", "int8"), calibration=[data])
    source, dense = export.explain(files["float32"], files["int8"], [data]).layers
    described = export.inspect(files["int8"]).signatures["serving_default"]
    steps = quantise(data, described.inputs[0])
    given = dequantise(steps, described.inputs[0])
    run = keeping_interpreter(files["int8"]).get_signature_runner("serving_default")
    rows = np.concatenate([run(x=steps[i : i + 1])["dense"] for i in range(16)])
    exact, local, real = (
        np.asarray(model(data)),
        np.asarray(model(given)),
        dequantise(rows, described.outputs[0]),
    )
    assert source.error == pytest.approx(np.sqrt(np.mean((given - data) ** 2)) / data.std(), rel=1e-3)
    assert dense.error == pytest.approx(np.sqrt(np.mean((real - exact) ** 2)) / exact.std(), rel=1e-3)
    assert dense.own_error == pytest.approx(np.sqrt(np.mean((real - local) ** 2)) / exact.std(), rel=1e-3)
    assert (source.layer, dense.layer, dense.operator) == (source.tensor, "dense", "FULLY_CONNECTED")


@pytest.mark.parametrize("layer", [f"conv{i}" for i in range(5)])
def test_a_spoiled_layer_is_found(deep, layer):
    model, data, files = deep
    content = spoiled(files["int8"], layer)
    found = export.explain(files["float32"], content, [data])
    assert found.ranked[0].layer == layer
    assert found.first_above(0.3).layer == layer
    assert export.explain(files["float32"], files["int8"], [data]).first_above(0.3) is None

    verification = export.verify(model, content, [data], float_file=files["float32"])
    (problem,) = verification.problems
    assert f"the first layer that is off by more is {layer!r} (CONV_2D)" in problem
    (plain,) = export.verify(model, content, [data]).problems
    assert problem.startswith(plain)


def test_it_goes_on_after_data_from_a_generator(deep):
    model, data, files = deep
    content = spoiled(files["int8"], "conv2")
    batches = (data[i : i + 8] for i in range(0, 40, 8))
    verification = export.verify(model, content, batches, float_file=files["float32"])
    assert "'conv2'" in verification.problems[0]


def test_an_export_explains_every_file_and_signature(coder, tmp_path):
    report = export.export_model(
        coder.model,
        tmp_path,
        precisions=["float16", "int8"],
        calibration=coder.calibration,
        batches=coder.calibration,
        signatures=coder.signatures,
        runs=1,
    )
    assert report.file("float32").explanations == ()
    for precision in ("float16", "int8"):
        found = report.file(precision).explanations
        assert {e.signature for e in found} == set(coder.signatures)
        assert all(1 <= e.samples <= 16 for e in found)


def test_a_file_that_can_not_be_compared_costs_no_export(deep):
    _, data, files = deep
    model = flatbuffer.parse(files["int8"])
    model.subgraphs[0].operators[0].inputs = [-1, *model.subgraphs[0].operators[0].inputs[1:]]
    broken = flatbuffer.serialise(model)
    with pytest.raises(export.ExportError, match="layer by layer"):
        export.explain(files["float32"], broken, [data])
    assert explain_all(files["float32"], broken, [data]) == ()


def test_bad_arguments(deep, coder, classifier):
    _, data, files = deep
    pair = files["float32"], files["int8"]
    with pytest.raises(export.InvalidInput, match="no signature 'encode'"):
        export.explain(*pair, [data], "encode")
    with pytest.raises(export.InvalidInput, match="positive integer"):
        export.explain(*pair, [data], samples=0)
    with pytest.raises(export.InvalidInput, match="No data"):
        export.explain(*pair, [])
    with pytest.raises(export.InvalidInput, match=r"expected \(n, 8, 8, 3\)"):
        export.explain(*pair, [data[:, :4]])
    with pytest.raises(export.InvalidInput, match="other inputs"):
        export.explain(files["float32"], classifier.files["int8"], [data])


def test_ranks_put_nan_first():
    layer = export.LayerError(layer="a", operator="ADD", tensor="a", error=0.1, own_error=0.1)
    broken = dataclasses.replace(layer, layer="b", own_error=math.nan, error=math.nan)
    found = export.Explanation(signature="s", samples=1, layers=(layer, broken))
    assert [layer.layer for layer in found.ranked] == ["b", "a"]
    assert found.first_above(1.0) is broken
