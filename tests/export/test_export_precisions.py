"""Every kind of model at every precision, against Keras, TensorFlow and plain arithmetic."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

import export
from export import flatbuffer
from export.quantization.ranges import activation_ranges

# Root mean square error in standard deviations of the output, beyond a step of an integer output.
TIGHT = {
    "float32": 1e-5,
    "float16": 3e-3,
    "dynamic_int8": 0.03,
    "int8": 0.05,
    "int16x8": 0.03,
    "int4": 0.3,
}
INTEGERS = {"int8": "int8", "int16x8": "int16", "int4": "int8"}
precisions = pytest.mark.parametrize("precision", export.PRECISIONS)


def outputs_by_name(outputs, names):
    outputs = outputs if isinstance(outputs, dict) else {names[0]: outputs}
    return {name: np.asarray(values) for name, values in outputs.items()}


@precisions
def test_agrees_with_keras(net, precision):
    predict = export.load(net.files[precision])
    for signature, samples in net.samples.items():
        model = net.signatures[signature] if net.signatures else net.model
        described = predict.contents.signatures[signature].outputs
        names = [tensor.name for tensor in described]
        expected = outputs_by_name(model.predict(samples, verbose=0), names)
        found = outputs_by_name(predict(samples, signature), names)
        assert set(found) == set(expected)
        for tensor in described:
            error = found[tensor.name] - expected[tensor.name]
            allowed = TIGHT[precision] * expected[tensor.name].std() + tensor.scale
            assert np.sqrt(np.mean(error**2)) <= allowed, (signature, tensor.name)


@precisions
def test_runs_anywhere(net, precision):
    contents = export.inspect(net.files[precision])
    assert contents.precision == precision
    assert contents.flex == contents.custom == ()
    for signature in contents.signatures.values():
        for tensor in (*signature.inputs, *signature.outputs):
            assert tensor.shape[0] == 1
            assert tensor.dtype == INTEGERS.get(precision, "float32")
    if precision in INTEGERS:
        assert contents.float_tensors == ()
        assert not contents.float_operators


def test_folds_into_few_operators(net):
    assert export.inspect(net.files["float32"]).operators == net.operators
    assert export.inspect(net.files["int8"]).operators == net.operators


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_int8_equals_tensorflows_reference_kernels(net):
    content = net.files["int8"]
    interpreter = tf.lite.Interpreter(
        model_content=known_to_reference_kernels(content),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    predict = export.load(content)
    for name, samples in net.samples.items():
        run = interpreter.get_signature_runner(name)
        found = predict.raw(samples[:8], name)
        ((key, detail),) = run.get_input_details().items()
        scale, zero_point = detail["quantization"]
        for index in range(8):
            stored = np.clip(np.round(samples[index : index + 1] / scale) + zero_point, -128, 127)
            for output, values in run(**{key: stored.astype(np.int8)}).items():
                difference = np.abs(values[0].astype(int) - found[output][index])
                # Kernels may round a step apart, which later layers can make two.
                assert difference.max() <= 2


def known_to_reference_kernels(content):
    """The reference kernels know DEPTH_TO_SPACE as version 1 alone; version 2 only adds int8."""
    model = flatbuffer.parse(content)
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.DEPTH_TO_SPACE:
            code.version = 1
    return flatbuffer.serialise(model)


def test_dense_layer_equals_integer_arithmetic(chain):
    model = chain((24,), keras.layers.Dense(16, name="dense"))
    samples = np.random.default_rng(0).normal(size=(64, 24)).astype(np.float32)
    content = export.to_tflite(model, "int8", [samples])
    predict = export.load(content)
    (source,) = predict.contents.signatures["serving_default"].inputs
    (target,) = predict.contents.signatures["serving_default"].outputs

    kernel, bias = model.get_layer("dense").get_weights()
    scales = np.abs(kernel).max(0) / 127
    weights = np.round(kernel / scales).astype(np.int64)
    biases = np.round(bias / (source.scale * scales)).astype(np.int64)
    stored = np.clip(np.round(samples / np.float32(source.scale)) + source.zero_point, -128, 127)
    sums = (stored.astype(np.int64) - source.zero_point) @ weights + biases
    expected = np.round(sums * source.scale * scales / target.scale) + target.zero_point
    difference = predict.raw(samples)["dense"] - np.clip(expected, -128, 127)
    assert np.abs(difference).max() <= 1
    assert np.mean(difference != 0) < 0.01


def test_float16_weights_are_the_rounded_float32_weights(classifier):
    halves = weights_of(classifier.files["float16"], "float16")
    wholes = weights_of(classifier.files["float32"], "float32")
    assert len(halves) == 3
    for name, values in halves.items():
        assert np.array_equal(values, wholes[name].astype(np.float16))
        assert not np.array_equal(values, wholes[name])


def weights_of(content, dtype):
    model = flatbuffer.parse(content)
    return {
        tensor.name: flatbuffer.constant(model, tensor)
        for graph in model.subgraphs
        for tensor in graph.tensors
        if flatbuffer.type_name(tensor.type) == dtype
    }


@pytest.fixture
def outlier(chain):
    """A layer and samples of which one in a hundred is ten times as large as the others."""
    samples = np.random.default_rng(0).uniform(-1, 1, (100, 8)).astype(np.float32)
    samples[3] *= 10
    return chain((8,), keras.layers.Dense(4, name="dense")), samples


def test_ranges_hold_the_rarest_sample(outlier):
    """A moving average would cut it off."""
    model, samples = outlier
    found = activation_ranges(export.to_tflite(model), {"serving_default": {"x": samples}})
    source, target = (found[name] for name in ("serving_default_x:0", "StatefulPartitionedCall:0"))
    assert (source["min"].item(), source["max"].item()) == (samples.min(), samples.max())
    outputs = np.asarray(model(samples))
    assert target["min"].item() == pytest.approx(outputs.min(), rel=1e-5)
    assert target["max"].item() == pytest.approx(outputs.max(), rel=1e-5)


def test_scales_span_the_ranges(outlier):
    model, samples = outlier
    files = export.convert(model, ["int8", "int16x8"], [samples[:40], samples[40:]])
    scales = {
        precision: export.inspect(content).signatures["serving_default"].inputs[0].scale
        for precision, content in files.items()
    }
    assert scales["int8"] == pytest.approx((samples.max() - samples.min()) / 255, rel=1e-5)
    assert scales["int16x8"] == pytest.approx(np.abs(samples).max() / 32767, rel=1e-4)


@pytest.mark.parametrize(
    ("precision", "stored", "width"),
    [
        ("float32", "float32", 4),
        ("float16", "float16", 2),
        ("dynamic_int8", "int8", 1),
        ("int8", "int8", 1),
    ],
)
def test_signatures_share_their_weights(coder, precision, stored, width):
    contents = export.inspect(coder.files[precision])
    assert list(contents.signatures) == ["reconstruct", "decode", "encode"]
    kernels = sum(w.size for w in coder.model.get_weights() if w.ndim > 1)
    biases = sum(w.size for w in coder.model.get_weights() if w.ndim == 1)
    assert 0 <= contents.constants[stored] - width * kernels <= width * biases


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_the_main_signature_is_the_first_graph(net):
    """A runtime without signatures, such as TensorFlow Lite Micro, runs the first graph."""
    interpreter = tf.lite.Interpreter(model_content=net.files["float32"])
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], net.main[:1])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    predicted = export.load(net.files["float32"])(net.main[:1])
    predicted = predicted if isinstance(predicted, dict) else {"only": predicted}
    assert any(np.array_equal(found, values) for values in predicted.values())


SAME = """
import hashlib, keras, numpy, export
keras.utils.set_random_seed(7)
image = keras.Input((8, 8, 3), name="image")
x = keras.layers.Conv2D(4, 3, activation="elu", name="conv")(image)
x = keras.layers.LayerNormalization(name="norm")(x)
outputs = {name: keras.layers.Conv2D(2, 1, name=name)(x) for name in ("second", "first")}
model = keras.Model(image, outputs, name="net")
samples = numpy.random.default_rng(0).random((16, 8, 8, 3), numpy.float32)
files = export.convert(model, export.PRECISIONS, calibration=[samples])
for precision, content in files.items():
    print(precision, hashlib.sha256(content).hexdigest())
"""


def test_the_same_bytes_in_every_process(capfd):
    """TensorFlow's quantiser takes part too: it is needed for ELU."""
    exec(SAME, {})
    here = capfd.readouterr().out
    env = {**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", SAME], capture_output=True, text=True, check=False, env=env)
    assert hashes(run.stdout) == hashes(here), run.stderr
    assert list(hashes(here)) == list(export.PRECISIONS)


def hashes(text):
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: words[1] for words in lines if words and words[0] in export.PRECISIONS}


def test_calibration_in_other_batches_gives_the_same_bytes(classifier):
    parts = np.array_split(classifier.main, 5)
    assert export.quantize(classifier.files["float32"], "int8", parts) == classifier.files["int8"]
