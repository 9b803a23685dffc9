"""Damaged files: a clear error or an answer, in little time and memory, and never the end of the caller.

`tests/benchmarks/fuzzing.py` damages them, and takes many more of them through the same.
"""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import export
from export import decoding, flatbuffer
from export.editing import Editor
from export.process import Worker

READ, LOADED, QUANTIZED, ASKED = 4000, 150, 60, 60


@pytest.fixture(scope="module")
def fuzzing():
    place = Path(__file__).parents[1] / "benchmarks" / "fuzzing.py"
    specification = importlib.util.spec_from_file_location("fuzzing", place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(fuzzing):
    return fuzzing.small_files()


def test_what_is_read_of_damaged_files(fuzzing, files):
    refused, slowest = 0, 0.0
    for seed in range(READ):
        content, _ = fuzzing.damaged(files, seed)
        start = time.process_time()
        refused += fuzzing.read_everywhere(content, seed)
        slowest = max(slowest, time.process_time() - start)
    assert READ / 4 < refused < READ
    assert slowest < 30  # far above what any takes, far below what a list without end would


def test_damaged_files_in_the_child_of_the_benchmark(fuzzing, files, tmp_path):
    ends = {}
    with Worker() as worker:
        for seed in range(READ, READ + LOADED):
            content, _ = fuzzing.damaged(files, seed)
            end = fuzzing.load_in_child(worker, content, tmp_path / "damaged.tflite")
            ends[end] = ends.get(end, 0) + 1
        # What the caller asks next is answered.
        assert fuzzing.load_in_child(worker, files[0], tmp_path / "sound.tflite") == "ran"
    assert ends["ran"] and ends["refused as damaged"]


def values_for(content, seed, scale=1.0):
    """Two examples by signature and input, whatever shapes a file may ask for."""
    generator = np.random.default_rng(seed)
    return {
        name: {
            tensor.name: (scale * generator.standard_normal((2, *tensor.shape[1:]))).astype(tensor.dtype)
            for tensor in signature.inputs
        }
        for name, signature in export.inspect(content).signatures.items()
    }


def damaged_files(fuzzing, files, start, count):
    """So many damaged files that are not refused for what they look like, and whose inputs can be made."""
    seed = start
    while count:
        content, _ = fuzzing.damaged(files, seed)
        seed += 1
        try:
            values_for(content, seed)
        except (export.InvalidFile, TypeError, ValueError):
            continue
        count -= 1
        yield seed, content


def test_damaged_files_are_quantised_or_refused(fuzzing, files):
    floats = [content for content in files if export.inspect(content).precision == "float32"]
    ends = {}
    for seed, content in damaged_files(fuzzing, floats, READ + LOADED, QUANTIZED):
        precision = export.PRECISIONS[1 + seed % (len(export.PRECISIONS) - 1)]
        samples = {name: [arrays] for name, arrays in values_for(content, seed).items()}
        try:
            end = export.load(export.quantize(content, precision, samples, timeout=60)).contents.precision
        except (export.ExportError, export.InvalidFile, export.InvalidInput) as error:
            end = type(error)
        ends[end] = ends.get(end, 0) + 1
    assert set(export.PRECISIONS) & set(ends) and export.ExportError in ends


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_damaged_files_are_asked(fuzzing, files):
    """What runs on zeros may do anything on other values."""
    answered = 0
    for seed, content in damaged_files(fuzzing, files, 2 * READ, ASKED):
        try:
            predict = export.load(content)
            for scale in (1.0, 1e30):
                for name, arrays in values_for(content, seed, scale).items():
                    answered += len(predict.raw(arrays, name))
        except (export.InvalidFile, export.InvalidInput):
            continue
    assert answered


def filling(content):
    """A file that also makes a tensor as large as its input's first values say."""
    model = flatbuffer.parse(content)
    graph, operators = model.subgraphs[0], []
    edit = Editor(model, graph)

    def step(kind, inputs, shape, options=None, dtype="float32"):
        output = edit.tensor(shape, f"added{len(operators)}")
        graph.tensors[output].type = getattr(schema.TensorType, dtype.upper())
        made = edit.operator(kind, inputs, output)
        if options:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            made.builtinOptions = getattr(schema, f"{options}T")()
        operators.append(made)
        return output

    def constant(values, dtype):
        index = edit.tensor(np.shape(values), f"constant{len(graph.tensors)}")
        graph.tensors[index].type = getattr(schema.TensorType, dtype.upper())
        graph.tensors[index].buffer = flatbuffer.add_buffer(model, np.array(values, dtype))
        return index

    flat = step("RESHAPE", [graph.inputs[0], constant([432], "int32")], (432,))
    sides = step("SLICE", [flat, constant([0], "int32"), constant([3], "int32")], (3,))
    whole = step("CAST", [sides], (3,), dtype="int32")
    filled = step("FILL", [whole, constant(1.0, "float32")], (1, 1, 1))
    step("REDUCE_MAX", [filled, constant([0, 1, 2], "int32")], (), "ReducerOptions")
    graph.operators = [*operators, *graph.operators]
    return flatbuffer.serialise(model)


def test_a_file_that_asks_for_all_memory_on_some_values_only(classifier):
    content = filling(classifier.files["float32"])
    predict = export.load(content)
    ordinary, large = classifier.main[:2], np.full((1, 12, 12, 3), 40_000, np.float32)
    expected = export.load(classifier.files["float32"])(ordinary)
    np.testing.assert_array_equal(predict(ordinary), expected)
    with pytest.raises(export.InvalidFile, match="can't run the file"):
        predict(large)
    np.testing.assert_array_equal(predict(ordinary), expected)
    with pytest.raises(export.ExportError, match="int8"):
        export.quantize(content, "int8", [large])


def endless(content):
    """A file whose graph calls itself without end, which no check of its structure finds."""
    model = flatbuffer.parse(content)
    graph, operator = model.subgraphs[0], model.subgraphs[0].operators[0]
    tensor = Editor(model, graph).tensor((1,), "yes", flatbuffer.add_buffer(model, np.array([True])))
    graph.tensors[tensor].type = schema.TensorType.BOOL
    operator.opcodeIndex = flatbuffer.operator_code(model, "IF")
    operator.inputs = [tensor, int(graph.inputs[0])]
    operator.builtinOptionsType = schema.BuiltinOptions.IfOptions
    operator.builtinOptions = schema.IfOptionsT()
    operator.builtinOptions.thenSubgraphIndex = operator.builtinOptions.elseSubgraphIndex = 0
    return flatbuffer.serialise(model)


@pytest.mark.parametrize("precision", ["float16", "dynamic_int8"])
def test_a_file_that_crashes_litert_is_not_quantised(classifier, precision):
    with pytest.raises(export.ExportError, match=f"{precision}.*segmentation fault"):
        export.quantize(endless(classifier.files["float32"]), precision)
    assert export.quantize(classifier.files["float32"], precision) == classifier.files[precision]


def overlapping(count):
    """Graphs that share one list of tensors that share one name: a file that decodes to its size cubed."""
    builder = flatbuffers.Builder(0)
    name = builder.CreateString("x" * count)
    schema.TensorStart(builder)
    schema.TensorAddName(builder, name)
    tensors = repeated(builder, schema.TensorEnd(builder), count)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graphs = repeated(builder, schema.SubGraphEnd(builder), count)
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def repeated(builder, table, count):
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def test_lists_that_overlap_are_not_decoded():
    with pytest.raises(export.InvalidFile, match="overlap"):
        export.inspect(overlapping(3000))


def test_sound_files_read_their_bytes_once(files):
    """The bound is far from any file that a converter writes."""
    for content in files:
        read = sum(decoding._lengths(schema.Model.GetRootAs(content, 0)))
        assert read < len(content)


def reshaped(content, shape):
    """A file whose inputs and first operator's output have another shape."""
    model = flatbuffer.parse(content)
    graph = model.subgraphs[0]
    for index in (*graph.inputs, *graph.operators[0].outputs):
        graph.tensors[index].shape = np.array(shape, np.int32)
    return flatbuffer.serialise(model)


READERS = {
    "benchmark": export.benchmark,
    "check_target": lambda content: export.check_target(content, "android"),
    "inspect": export.inspect,
    "load": export.load,
    "operator_costs": export.operator_costs,
    "quantize": lambda content: export.quantize(content, "float16"),
    "remove_metadata": export.remove_metadata,
    "run_micro": export.run_micro,
    "take_pixels": export.take_pixels,
    "weigh": export.weigh,
    "write_metadata": lambda content: export.write_metadata(content, export.Metadata(author="me")),
}


@pytest.mark.parametrize(
    "shape", [(1, 46341, 46341, 1), (2**31 - 1,) * 4, (65536,) * 4, (-1, -(2**31), 4, 4)]
)
@pytest.mark.parametrize("name", READERS)
def test_a_huge_declared_tensor(classifier, name, shape):
    with pytest.raises(export.InvalidFile, match="would take .* bytes|damaged"):
        READERS[name](reshaped(classifier.files["float32"], shape))


@pytest.mark.parametrize("content", [b"", b"TFL3", np.random.default_rng(0).bytes(4096)])
@pytest.mark.parametrize("name", READERS)
def test_random_bytes(name, content):
    with pytest.raises(export.InvalidFile, match="not a .tflite file"):
        READERS[name](content)


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_was_cut_off(classifier, name):
    content = classifier.files["int8"]
    with pytest.raises(export.InvalidFile):
        READERS[name](content[: len(content) // 2])


def test_memory_that_no_tensor_alone_exceeds_ends_the_child_only(classifier):
    """Many tensors of a gibibyte each: more than the child may have, though each by itself is allowed."""
    model = flatbuffer.parse(classifier.files["float32"])
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        if flatbuffer.constant(model, tensor) is None:
            tensor.shape = np.array((1, 16384, 16384, 1), np.int32)
    for use in (export.benchmark, export.load):
        with pytest.raises((export.ExportError, export.InvalidFile)):
            use(flatbuffer.serialise(model))


LOAD = """
import sys, export
try:
    export.load(sys.argv[1])
except export.InvalidFile as error:
    print("refused:", error)
"""


def test_a_file_that_crashes_litert_leaves_its_caller_alive(classifier, tmp_path):
    file = tmp_path / "endless.tflite"
    file.write_bytes(endless(classifier.files["float32"]))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(file)], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    assert "refused: LiteRT does not run the file" in done.stdout


def test_what_was_made_here_is_not_tried_again(classifier, monkeypatch):
    from export import trying

    monkeypatch.setattr(trying, "shared", None)
    assert export.load(classifier.files["int8"]).signatures
