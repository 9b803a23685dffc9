"""Models and data that can't become a file: an error that says what to do, through every public function."""

import keras
import numpy as np
import pytest

import export

L = keras.layers


def images(*shape, count=16):
    return np.random.default_rng(0).random((count, *shape), np.float32)


class Unbuilt(keras.Model):
    """A subclassed model: what it takes is not known before it is called."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(2)

    def call(self, x):
        return self.dense(x)


def called():
    model = Unbuilt()
    model(np.ones((2, 3), np.float32))
    return model


def several_open():
    first, second = keras.Input((None, 3), name="first"), keras.Input((None,), name="second")
    pooled = L.GlobalAveragePooling1D()(first)
    return keras.Model([first, second], [pooled, keras.ops.sum(second, 1)])


OPEN = {
    "a subclassed model": (Unbuilt, "no symbolic inputs.*keras.Input"),
    "a subclassed model that was called": (called, "no symbolic inputs.*keras.Input"),
    "several inputs of unknown size": (several_open, "'first'.*every axis.*full shape"),
    "no model": (lambda: 3, "must be a keras.Model"),
}
CONVERTERS = {
    "convert": lambda model, folder: export.convert(model, ["float32"]),
    "export_model": lambda model, folder: export.export_model(model, folder, batches=[]),
    "quantization_aware": lambda model, folder: export.quantization_aware(model),
    "to_saved_model": lambda model, folder: export.to_saved_model(model, folder),
    "to_tflite": lambda model, folder: export.to_tflite(model),
    "verify": lambda model, folder: export.verify(model, b"", []),
}


@pytest.mark.parametrize("case", OPEN)
@pytest.mark.parametrize("function", CONVERTERS)
def test_a_model_without_fixed_inputs(tmp_path, function, case):
    make, words = OPEN[case]
    with pytest.raises(export.InvalidInput, match=words):
        CONVERTERS[function](make(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def text(x):
    import tensorflow as tf

    return tf.strings.to_number(tf.strings.as_string(x))


def python(x):
    import tensorflow as tf

    return tf.ensure_shape(tf.numpy_function(np.sort, [x], tf.float32), x.shape)


LAMBDAS = {
    "needs TensorFlow": (text, r"no kernel for .*Replace the operator, or export the model up to"),
    "runs Python": (python, r"PyFunc|NumpyFunc|py_func|numpy_function"),
}


@pytest.mark.parametrize("case", LAMBDAS)
def test_a_lambda_that_can_not_convert(chain, case):
    function, words = LAMBDAS[case]
    model = chain((4,), L.Dense(3), L.Lambda(function, output_shape=(3,), name="foreign"))
    with pytest.raises(export.ExportError, match=words) as refused:
        export.to_tflite(model)
    assert "'chain'" in str(refused.value)


def test_a_lambda_that_can(chain):
    model, data = chain((4,), L.Dense(3), L.Lambda(lambda x: 2 * x)), images(4)
    assert export.verify(model, export.to_tflite(model), [data]).passed


def ordinary(chain):
    return chain((4, 4, 2), L.Conv2D(3, 3, activation="relu"), L.Flatten(), L.Dense(2, name="head"))


DATA = {
    "none": (None, "training samples"),
    "another shape": ([images(4, 4, 3)], r"\(16, 4, 4, 3\), expected \(n, 4, 4, 2\)"),
    "another type": ([images(4, 4, 2).astype(np.float64)], "astype"),
    "NaN": ([np.full((3, 4, 4, 2), np.nan, np.float32)], "NaN.*3 of 3 samples"),
    "nothing": ([], "empty"),
}
CALIBRATED = {
    "convert": lambda model, data, folder: export.convert(model, ["int8"], data),
    "export_model": lambda model, data, folder: export.export_model(
        model, folder, precisions=["int8"], calibration=data, batches=[images(4, 4, 2)]
    ),
    "to_tflite": lambda model, data, folder: export.to_tflite(model, "int16x8", data),
}


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("function", CALIBRATED)
def test_calibration_that_does_not_fit(chain, tmp_path, function, case):
    data, words = DATA[case]
    with pytest.raises(export.InvalidInput, match=words):
        CALIBRATED[function](ordinary(chain), data, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [0.0, -3e15, 1e-38])
def test_constant_data_and_ranges_of_zero(chain, value):
    """Every sample is the same: a file that gives what the model gives, or an error that says why not."""
    data = np.full((8, 4, 4, 2), value, np.float32)
    model = ordinary(chain)
    for precision in ("int8", "int16x8"):
        try:
            content = export.to_tflite(model, precision, [data])
        except export.ExportError as error:
            assert "calibration" in str(error) or "dynamic_int8" in str(error)
            continue
        found, expected = export.load(content)(data), model.predict(data, verbose=0)
        assert np.isfinite(found).all()
        assert np.abs(found - expected).max() <= 0.1 * np.abs(expected).max()


def test_weights_that_are_no_numbers_are_told(chain):
    model = ordinary(chain)
    kernel, bias = model.layers[1].get_weights()
    kernel[0, 0, 0, 0] = np.nan
    model.layers[1].set_weights([kernel, bias])
    for precision in ("float32", "int8"):
        with pytest.raises(export.InvalidInput, match="'.*kernel' of 'chain' holds NaN.*checkpoint"):
            export.to_tflite(model, precision, [images(4, 4, 2)])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_to_compare_on_that_is_not_finite(classifier, value):
    bad = classifier.main[:4].copy()
    bad[1, 0, 0, 0] = value
    content, before = classifier.files["int8"], classifier.files["float32"]
    with pytest.raises(export.InvalidInput, match="not finite.*1 of 4"):
        export.verify(classifier.model, content, [bad])
    with pytest.raises(export.InvalidInput, match="not finite.*1 of 4"):
        export.explain(before, content, [bad])
    with pytest.raises(export.InvalidInput, match="not finite.*1 of 4"):
        export.load(content)(bad)
