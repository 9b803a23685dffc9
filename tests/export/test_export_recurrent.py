"""Recurrent layers: unrolled where the sequence is short, else a loop in float, refused in integers."""

import keras
import numpy as np
import pytest

import export
from export.unrolling import STEPS, unrolled

L = keras.layers

LAYERS = {
    "lstm": ((4, 3), lambda: L.LSTM(5)),
    "gru": ((4, 3), lambda: L.GRU(5, return_sequences=True)),
    "simple": ((4, 3), lambda: L.SimpleRNN(5, go_backwards=True)),
    "convolutional": ((3, 5, 5, 2), lambda: L.ConvLSTM2D(3, 3)),
    "both ways": ((3, 2), lambda: L.Bidirectional(L.LSTM(3))),
    "stacked": ((3, 2), lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3)])),
}


def series(shape, count=24):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", LAYERS)
def test_every_precision_of_a_short_sequence(chain, name):
    shape, make = LAYERS[name]
    model, data = chain(shape, make(), L.Flatten(), L.Dense(3, name="head")), series(shape)
    files = export.convert(model, export.PRECISIONS, [data])
    for precision, content in files.items():
        contents = export.inspect(content)
        assert "WHILE" not in contents.operators
        assert not (contents.flex or contents.custom)
        assert export.verify(model, content, [data], precision=precision).passed
        if precision in ("int8", "int4"):
            assert contents.float_tensors == ()


@pytest.mark.parametrize("precision", export.PRECISIONS)
def test_a_long_sequence_is_a_loop_or_refused(long, precision):
    model, data = long
    if precision in ("int8", "int16x8", "int4"):
        with pytest.raises(export.ExportError, match=rf"WHILE.*{STEPS} steps.*unroll=True"):
            export.to_tflite(model, precision, [data])
        return
    content = export.to_tflite(model, precision)
    assert export.inspect(content).operators["WHILE"] == 1
    assert export.verify(model, content, [data]).passed


@pytest.fixture(scope="module")
def long(chain):
    shape = (STEPS + 1, 2)
    return chain(shape, L.LSTM(3), L.Dense(2, name="head")), series(shape, 4)


def test_the_model_is_left_as_it_was(chain):
    model = chain((4, 3), L.Bidirectional(L.GRU(2, return_sequences=True)), L.LSTM(2, unroll=True))
    both, last = model.layers[1:]
    with pytest.raises(KeyError), unrolled(model):
        assert both.forward_layer.unroll and both.backward_layer.unroll and last.unroll
        raise KeyError
    assert (both.forward_layer.unroll, both.backward_layer.unroll, last.unroll) == (False, False, True)


def test_an_open_number_of_steps_is_no_reason_to_unroll():
    x = keras.Input((None, 2))
    model = keras.Model(x, L.LSTM(2)(x))
    with unrolled(model):
        assert not model.layers[1].unroll
