"""Files at which a kernel of LiteRT goes wrong: found in the child, never in the caller's process."""

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from export import flatbuffer
from export.editing import Editor
from export.errors import WorkerDied
from export.process import shared
from export.quantization.comparisons import COMPARING, shrink, steepest
from export.quantization.ranges import keeping_interpreter
from export.running import check_runs, outputs

L = keras.layers


@keras.saving.register_keras_serializable("export_tests_crashes")
class Larger(L.Layer):
    """The first half of its input, a tenth of it where the comparison with the second half fails."""

    def __init__(self, comparison, **kwargs):
        super().__init__(**kwargs)
        self.comparison = comparison

    def call(self, x):
        first, second = x[:, :4], x[:, 4:]
        chosen = getattr(keras.ops, self.comparison)(first, second)
        return keras.ops.where(chosen, first, 0.1 * first)


def samples(count=64):
    """Whole numbers to 1,000 of which half agree."""
    rng = np.random.default_rng(0)
    x = np.round(rng.random((count, 8)) * 50).astype(np.float32) * 20
    x[:, 4:6] = x[:, :2]
    return x


@pytest.mark.parametrize("comparison", ["equal", "greater", "less_equal"])
def test_comparisons_in_large_steps_are_right(chain, comparison):
    """LiteRT's kernels are wrong from a step of 1 on, so what is compared is made smaller."""
    x, model = samples(), chain((8,), Larger(comparison, name="larger"), L.Dense(4, name="head"))
    content = export.to_tflite(model, "int8", [x])
    assert "MUL" in export.inspect(content).operators
    assert steepest(content) < 1
    assert export.inspect(content).float_tensors == ()
    assert export.verify(model, content, [x]).agreements[0].rms_error < 0.1


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(COMPARING), st.floats(0.01, 500), st.integers(-128, 127), st.integers(0, 99))
def test_comparisons_of_int8_are_those_of_the_integers(kind, scale, zero_point, seed):
    """Both sides have one scale, so the stored integers compare as the values do."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(-128, 128, (2, 1, 64)).astype(np.int8)
    second[:, ::2] = first[:, ::2]
    content = shrink(comparison_file(kind, scale, zero_point))
    run = keeping_interpreter(content).get_signature_runner("compare")
    assert np.array_equal(run(a=first, b=second)["c"], OPERATORS[kind](first, second))


OPERATORS = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
}


def comparison_file(kind, scale, zero_point):
    """A file that does nothing but compare two int8 tensors."""
    model = schema.ModelT()
    model.version, model.operatorCodes, model.buffers = 3, [], [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [], [0, 1], [2], []
    model.subgraphs = [graph]
    edit = Editor(model, graph)
    for name in ("a", "b"):
        edit.quantized((1, 64), name, scale, zero_point)
    edit.tensor((1, 64), "c")
    graph.tensors[2].type = schema.TensorType.BOOL
    graph.operators.append(edit.operator(kind, [0, 1], 2))
    model.signatureDefs = [signature({"a": 0, "b": 1}, {"c": 2})]
    return flatbuffer.serialise(model)


def signature(inputs, outputs):
    made = schema.SignatureDefT()
    made.signatureKey, made.subgraphIndex = b"compare", 0
    made.inputs, made.outputs = ([named(*pair) for pair in given.items()] for given in (inputs, outputs))
    return made


def named(name, index):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), index
    return entry


def crashing(content):
    """A file in which the mean became a choice of running the whole graph again, without end."""
    model = flatbuffer.parse(content)
    graph = model.subgraphs[0]
    yes = Editor(model, graph).tensor((1,), "yes", flatbuffer.add_buffer(model, np.array([True])))
    graph.tensors[yes].type = schema.TensorType.BOOL
    for operator in graph.operators:
        if flatbuffer.operator_name(model, operator) == "MEAN":
            operator.opcodeIndex = flatbuffer.operator_code(model, "IF")
            operator.inputs = [yes, int(graph.inputs[0])]
            operator.builtinOptionsType = schema.BuiltinOptions.IfOptions
            operator.builtinOptions = schema.IfOptionsT()
            operator.builtinOptions.thenSubgraphIndex = operator.builtinOptions.elseSubgraphIndex = 0
    return flatbuffer.serialise(model)


def test_a_crash_is_an_error_that_names_the_operator(classifier):
    content, few = crashing(classifier.files["float32"]), {"serving_default": {"image": classifier.main[:2]}}
    with pytest.raises(export.ExportError, match="segmentation fault.*IF of 'mean'") as failed:
        outputs(content, few)
    assert isinstance(failed.value.__cause__, WorkerDied)
    with pytest.raises(export.ExportError, match="IF of 'mean'"):
        check_runs(content, "net", "float32")
    assert outputs(classifier.files["float32"], few)
    assert shared.pid


def test_what_litert_refuses_is_refused(classifier):
    model = flatbuffer.parse(classifier.files["float32"])
    model.subgraphs[0].operators[-1].inputs = [-1, -1, -1]
    with pytest.raises(export.ExportError, match=r"(?s)does not run in LiteRT.*FULLY_CONNECTED"):
        check_runs(flatbuffer.serialise(model), "net", "float32")
