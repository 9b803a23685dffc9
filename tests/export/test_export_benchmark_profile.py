"""Each operator by itself computes what it does in the whole file, and its time is its own."""

import math
from html.parser import HTMLParser

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import export
from export.cutting import Cut
from export.html import graph
from export.profiling import by_operator

L = keras.layers
PLAIN = {
    "experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "experimental_preserve_all_tensors": True,
}


@pytest.mark.parametrize("precision", export.PRECISIONS)
def test_a_single_operator_does_what_it_does_in_the_file(classifier, precision):
    content = classifier.files[precision]
    whole, cut = Interpreter(model_content=content, **PLAIN), Cut(content)
    whole.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in whole.get_input_details():
        values = (
            rng.integers(-100, 100, detail["shape"])
            if detail["quantization"][0]
            else rng.random(detail["shape"])
        )
        whole.set_tensor(detail["index"], values.astype(detail["dtype"]))
    whole.invoke()
    names = {detail["name"]: detail["index"] for detail in whole.get_tensor_details()}
    ran = 0
    for place, cost in enumerate(export.operator_costs(content)):
        if cut.kind(place) is None:
            assert cost.operator == "DEQUANTIZE" and precision == "float16"
            continue
        alone = Interpreter(model_content=cut.file(place), **PLAIN)
        alone.allocate_tensors()
        for detail in alone.get_input_details():
            alone.set_tensor(detail["index"], whole.get_tensor(names[detail["name"]]))
        alone.invoke()
        (output, *_) = alone.get_output_details()
        np.testing.assert_array_equal(alone.get_tensor(output["index"]), whole.get_tensor(names[cost.output]))
        ran += 1
    assert ran


@pytest.fixture(scope="module")
def cut_net(chain):
    """An int8 file that XNNPACK takes in two parts, with an operator that is there twice."""
    same = {"padding": "same"}
    layers = [L.Conv2D(4, 3, **same), L.Activation("gelu"), L.Conv2D(4, 3, **same), L.Conv2D(4, 3, **same)]
    data = np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype(np.float32)
    return export.to_tflite(chain((8, 8, 4), *layers), "int8", [data])


@pytest.fixture(scope="module")
def profiled(cut_net):
    return export.benchmark(cut_net, runs=3, profile=True)


def test_every_operator_has_its_time(cut_net, profiled):
    costs = export.operator_costs(cut_net)
    assert [(t.operator, t.layer, t.output) for t in profiled.profile] == [
        (cost.operator, cost.layer, cost.output) for cost in costs
    ]
    for time in profiled.profile:
        assert 0 <= time.p10_ms <= time.median_ms <= time.p90_ms < math.inf
        assert time.delegated == (time.operator != "GELU")
    convolutions = [t for t in profiled.profile if t.operator == "CONV_2D"]
    assert len({(t.median_ms, t.p10_ms, t.p90_ms) for t in convolutions}) == 1  # alike: measured once
    sums = by_operator(profiled.profile)
    assert set(sums) == {"CONV_2D", "GELU"}
    assert math.isclose(sums["CONV_2D"], sum(t.median_ms for t in convolutions))


def test_operators_of_other_shapes_are_of_other_kinds(chain):
    layers = L.Conv2D(4, 3, padding="same"), L.Conv2D(4, 3, padding="same"), L.Conv2D(4, 3), L.Conv2D(6, 3)
    cut = Cut(export.to_tflite(chain((8, 8, 4), *layers)))
    same, again, smaller, wider = map(cut.kind, range(len(cut)))
    assert same == again
    assert len({same, smaller, wider}) == 3


def test_weights_in_float16_are_ready_when_the_file_is_loaded(classifier):
    found = export.benchmark(classifier.files["float16"], runs=3, profile=True)
    assert {t.median_ms for t in found.profile if t.operator == "DEQUANTIZE"} == {0.0}
    assert all(t.median_ms is not None for t in found.profile)


def test_an_integer_division_gets_no_zero(chain):
    class Share(L.Layer):
        def call(self, x):
            return x / (1 + keras.ops.mean(keras.ops.relu(x), axis=-1, keepdims=True))

    data = np.random.default_rng(0).random((8, 6, 6, 4), np.float32)
    content = export.to_tflite(chain((6, 6, 4), Share()), "int8", [data])
    found = export.benchmark(content, runs=3, profile=True)
    assert [t.median_ms is not None for t in found.profile if t.operator == "DIV"] == [True]


class Texts(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.classes, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.classes += [value for name, value in attributes if tag == "circle" and name == "class"]

    def handle_data(self, data):
        self.texts.append(data)


def test_the_graph_shows_times_and_what_cuts_it(cut_net, profiled):
    costs = export.operator_costs(cut_net)
    drawn = Texts(graph.draw(costs, {}, profiled.profile))
    assert drawn.classes == ["node", *("cut" if cost.operator == "GELU" else "node" for cost in costs)]
    assert "time" in drawn.texts
    assert sum(text.endswith(" ms") for text in drawn.texts) == sum(t.median_ms > 0 for t in profiled.profile)
    assert "time" not in Texts(graph.draw(costs, {})).texts
