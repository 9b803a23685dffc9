"""Operators that need care: rewritten for integers, left in float openly, or refused."""

import keras
import numpy as np
import pytest

import export
from export import flatbuffer
from export.quantization.folding import fold_constants
from export.quantization.rewriting import REWRITES, rewrite

L = keras.layers


@keras.saving.register_keras_serializable("export_tests")
class Apply(L.Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)


def images(*shape, count=32):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


def between_convolutions(chain, layer):
    return chain((6, 6, 4), L.Conv2D(8, 3, name="first"), layer, L.Conv2D(4, 1, name="last"))


REWRITTEN = {
    "AVERAGE_POOL_2D": L.AveragePooling2D(2),
    "NEG": Apply(lambda x: -x),
    "SQUARE": Apply(keras.ops.square),
    "SQUARED_DIFFERENCE": L.LayerNormalization(),
    "LEAKY_RELU": L.LeakyReLU(negative_slope=0.2),
    "HARD_SWISH": L.Activation("hard_swish"),
    "ELU": L.ELU(),
    "RELU": L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"),
    "RELU6": L.Conv2DTranspose(12, 3, strides=2, padding="same", activation="relu6"),
}


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewritten_file_computes_the_same(chain, name):
    model = between_convolutions(chain, REWRITTEN[name])
    content = export.to_tflite(model)
    changed = rewrite(content, (name,))
    assert name in export.inspect(content).operators
    assert name not in export.inspect(changed).operators
    x = 3 * images(6, 6, 4)
    expected, found = export.load(content)(x), export.load(changed)(x)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    "layer",
    [L.ELU(), L.LayerNormalization(), L.GroupNormalization(4), L.LeakyReLU(), Apply(keras.ops.abs)],
    ids=["elu", "layer_norm", "group_norm", "leaky_relu", "abs"],
)
def test_int8_without_float_islands(chain, layer):
    model, x = between_convolutions(chain, layer), images(6, 6, 4)
    content = export.to_tflite(model, "int8", [x])
    assert export.inspect(content).float_tensors == ()
    expected = model.predict(x, verbose=0)
    assert np.sqrt(np.mean((export.load(content)(x) - expected) ** 2)) < 0.08 * expected.std()


@pytest.mark.parametrize("recurrent", [L.LSTM, L.GRU, L.SimpleRNN])
def test_unrolled_recurrence_in_integers(chain, recurrent):
    model, x = chain((4, 3), recurrent(6, unroll=True), L.Dense(3, name="head")), images(4, 3)
    expected = model.predict(x, verbose=0)
    for precision, bound in (("int8", 0.08), ("int16x8", 0.02)):
        content = export.to_tflite(model, precision, [x])
        assert export.inspect(content).float_tensors == ()
        error = np.sqrt(np.mean((export.load(content)(x) - expected) ** 2))
        assert error < bound * expected.std()


def test_int16x8_shows_what_stays_in_float(chain):
    model = between_convolutions(chain, L.ELU())
    contents = export.inspect(export.to_tflite(model, "int16x8", [images(6, 6, 4)]))
    assert contents.float_operators == {"ELU": 1}
    assert contents.float_tensors


def test_operators_on_constants_are_folded(chain):
    """A GRU's first step splits the projection of a zero state."""
    content = export.to_tflite(chain((3, 2), L.GRU(4, unroll=True)))
    folded = fold_constants(content)
    before, after = export.inspect(content).operators, export.inspect(folded).operators
    assert sum(after.values()) <= sum(before.values())
    x = images(3, 2)
    assert np.allclose(export.load(folded)(x), export.load(content)(x), atol=1e-6)
    assert fold_constants(folded) == folded


def test_a_tiny_scale_does_not_overflow_relu6(chain):
    small = keras.initializers.RandomUniform(-1e-6, 1e-6)
    model = chain((6, 6, 2), L.Conv2D(4, 3, kernel_initializer=small), L.ReLU(6.0), L.Conv2D(2, 1))
    x = images(6, 6, 2)
    content = export.to_tflite(model, "int16x8", [x])
    expected = model.predict(x, verbose=0)
    error = np.sqrt(np.mean((export.load(content)(x) - expected) ** 2))
    assert error < 0.03 * expected.std()


def test_images_scaled_to_both_signs_in_int16(chain):
    """The scales of 2 x - 1 are powers of two, for which LiteRT has a kernel of its own."""
    model = chain((6, 6, 3), L.Rescaling(2.0, offset=-1.0), L.Conv2D(4, 3, padding="same"))
    x = np.random.default_rng(0).random((16, 6, 6, 3), np.float32)
    x[0, 0, 0], x[0, 0, 1] = 0, 1
    content = export.to_tflite(model, "int16x8", [x])
    assert "ADD" in export.inspect(content).operators
    assert export.verify(model, content, [x]).agreements[0].rms_error < 0.03


REFUSED = {
    "a loop": ((L.LSTM(4),), (70, 2), "int8", ["WHILE", "unroll=True"]),
    "no integer kernel": ((L.Conv3D(2, 2),), (4, 4, 4, 1), "int8", ["CONV_3D", "dynamic_int8"]),
    "no kernel": ((L.MaxPooling3D(),), (4, 4, 4, 1), "float32", ["MaxPool3D", "2-D"]),
    "no weights to halve": ((L.AveragePooling2D(2),), (4, 4, 1), "float16", ["weights", "float32"]),
    "no weights": ((L.AveragePooling2D(2),), (4, 4, 1), "dynamic_int8", ["AVERAGE_POOL_2D"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_the_operator_and_a_way_out(chain, case):
    layers, shape, precision, words = REFUSED[case]
    model = chain(shape, *layers)
    with pytest.raises(export.ExportError) as refused:
        export.to_tflite(model, precision, [images(*shape)])
    for word in (*words, "'chain'"):
        assert word in str(refused.value)


class Noise(L.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)


def test_random_layers_are_refused(chain):
    with pytest.raises(export.ExportError, match="random numbers"):
        export.to_tflite(chain((4,), L.Dense(3), Noise()))


def test_weights_beyond_float16_are_refused(chain):
    model = chain((8,), L.Dense(4, name="dense", kernel_initializer=keras.initializers.Constant(1e5)))
    with pytest.raises(export.ExportError, match="65504"):
        export.to_tflite(model, "float16")


def test_a_model_that_integers_destroy_is_refused(chain):
    """One huge activation leaves no step for the others."""
    spread = Apply(lambda x: keras.ops.concatenate([x, 2e3 * keras.ops.ones_like(x)], -1))
    model = chain((4,), L.Dense(4), spread, Apply(lambda x: x[:, :4]), L.Dense(3))
    with pytest.raises(export.ExportError, match="does not survive integers"):
        export.to_tflite(model, "int8", [images(4)])


def test_large_files_keep_their_weights_inside_the_flatbuffer(chain):
    """TensorFlow Lite Micro can't read buffers that are appended behind it."""
    model = chain((400,), L.Dense(1000, name="wide"), L.Dense(4, name="head"))
    for precision in ("dynamic_int8", "int8"):
        content = export.to_tflite(model, precision, [images(400)])
        from ai_edge_litert import schema_py_generated as schema

        root = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        assert all(buffer.offset <= 1 for buffer in root.buffers)
        assert flatbuffer.parse(content).subgraphs
