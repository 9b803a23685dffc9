"""Weights of 4 bits: packed, read by real kernels, and named where they are not."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from export import flatbuffer
from export.quantization.four_bits import narrow

L = keras.layers


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-8, 7), min_size=1, max_size=33))
def test_packing_is_undone(values):
    packed = flatbuffer.pack_int4(np.array(values))
    assert len(packed) == (len(values) + 1) // 2
    assert flatbuffer.unpack_int4(packed, len(values)).tolist() == values


def test_half_the_bytes_of_int8(net):
    four, eight = (export.inspect(net.files[p]) for p in ("int4", "int8"))
    assert four.precision == "int4"
    assert four.constants["int4"] <= eight.constants["int8"] / 2 + len(four.weight_bits)
    assert four.operators == eight.operators
    assert set(four.weight_bits) == set(eight.weight_bits)
    assert set(eight.weight_bits.values()) == {8}
    assert four.float_tensors == ()


def test_the_kernels_compute_what_the_weights_say(net):
    """The same integers stored as int8 give the same outputs, but for a step of rounding."""
    four = net.files["int4"]
    wide = widened(four)
    assert export.inspect(wide).precision == "int8"
    for name, samples in net.samples.items():
        first, second = (export.load(content).raw(samples[:16], name) for content in (four, wide))
        for output, values in first.items():
            steps = np.abs(values.astype(int) - second[output])
            # XNNPACK has kernels for int8 that it has not for int4: layers may round apart.
            assert steps.max() <= 3
            assert steps.mean() < 0.5


def widened(content):
    from ai_edge_litert import schema_py_generated as schema

    model, done = flatbuffer.parse(content), set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if flatbuffer.type_name(tensor.type) == "int4":
                if tensor.buffer not in done:
                    values = flatbuffer.constant(model, tensor).view(np.uint8).ravel()
                    model.buffers[tensor.buffer].data = values
                    done.add(tensor.buffer)
                tensor.type = schema.TensorType.INT8
    return flatbuffer.serialise(model)


def test_each_weight_is_within_reach_of_its_step(classifier):
    """No weight is off by more than half a step, unless it was cut off at the largest."""
    eight, four = (
        {t.name: (flatbuffer.constant(model, t), t.quantization) for t in model.subgraphs[0].tensors}
        for model in (
            flatbuffer.parse(classifier.files["int8"]),
            flatbuffer.parse(narrow(classifier.files["int8"])),
        )
    )
    checked = 0
    for name, (stored, spread) in four.items():
        if stored is None or stored.ndim < 2 or stored.dtype != np.int8:
            continue
        shape = [-1 if axis == spread.quantizedDimension else 1 for axis in range(stored.ndim)]
        step = np.reshape(spread.scale, shape)
        wanted = eight[name][0] * np.reshape(eight[name][1].scale, shape)
        assert np.abs(stored).max() <= 7
        off = np.abs(stored * step - wanted)
        assert (off[np.abs(stored) < 7] <= 0.501 * np.broadcast_to(step, off.shape)[np.abs(stored) < 7]).all()
        checked += 1
    assert checked == 3


def test_what_has_no_kernel_keeps_8_bits(chain):
    model = chain(
        (6, 6, 4),
        L.Conv2D(16, 3, padding="same", activation="relu", name="narrow"),
        L.Conv2DTranspose(16, 3, strides=2, padding="same", name="wide"),
    )
    x = np.random.default_rng(0).normal(size=(32, 6, 6, 4)).astype(np.float32)
    content = export.to_tflite(model, "int4", [x])
    assert export.inspect(content).weight_bits == {"narrow": 4, "wide": 8}
    assert export.verify(model, content, [x]).passed


def test_a_layer_called_twice_is_narrowed_once(chain):
    """An unrolled recurrence reads the same kernel at every step."""
    model = chain((4, 3), L.SimpleRNN(8, unroll=True, name="recurrent"), L.Dense(3, name="head"))
    x = np.random.default_rng(0).normal(size=(64, 4, 3)).astype(np.float32)
    content = export.to_tflite(model, "int4", [x])
    assert set(export.inspect(content).weight_bits.values()) == {4}
    assert export.verify(model, content, [x], precision="int4").agreements[0].rms_error < 0.3


@pytest.mark.parametrize("name", ["kept", "ke*"])
def test_layers_kept_at_8_bits(chain, name):
    model = chain((8,), L.Dense(16, activation="relu", name="kept"), L.Dense(4, name="head"))
    x = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)
    options = export.QuantizationOptions(keep_int8=(name,))
    content = export.to_tflite(model, "int4", [x], options=options)
    assert export.inspect(content).weight_bits == {"kept": 8, "head": 4}


def test_a_model_that_no_kernel_of_4_bits_can_run_is_refused(chain):
    model = chain((6, 6, 16), L.Conv2DTranspose(12, 3, strides=2, padding="valid"))
    x = np.random.default_rng(0).normal(size=(16, 6, 6, 16)).astype(np.float32)
    with pytest.raises(export.ExportError, match=r"int4: none of .* reads weights of 4 bits.* Use int8"):
        export.to_tflite(model, "int4", [x])
