"""Calibration data that does not fit is refused before any conversion."""

import keras
import numpy as np
import pytest

import export


@pytest.fixture(scope="module")
def float_file(classifier):
    return classifier.files["float32"]


def image_batch(*shape, dtype=np.float32):
    return np.full((4, *(shape or (12, 12, 3))), 0.5, dtype)


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
def test_it_is_needed(classifier, precision):
    with pytest.raises(export.InvalidInput, match="training samples"):
        export.to_tflite(classifier.model, precision)


BAD = {
    "shape": (lambda: [image_batch(12, 12, 1)], r"\(4, 12, 12, 1\).*\(n, 12, 12, 3\)"),
    "no batch axis": (lambda: [image_batch()[0]], "batch axis"),
    "float64": (lambda: [image_batch(dtype=np.float64)], "astype"),
    "bytes": (lambda: [image_batch(dtype=np.uint8)], "uint8.*float32"),
    "empty list": (list, "empty"),
    "empty array": (lambda: [image_batch()[:0]], "empty"),
    "a string": (lambda: "train", "iterable of float32 arrays"),
    "a number": (lambda: 3, "iterable of float32 arrays"),
    "a name": (lambda: {"images": [image_batch()]}, "images.*serving_default"),
}


@pytest.mark.parametrize("case", BAD)
def test_it_must_fit(float_file, case):
    make, words = BAD[case]
    with pytest.raises(export.InvalidInput, match=words):
        export.quantize(float_file, "int8", make())


def test_it_is_checked_before_the_conversion(classifier):
    stages = []
    with pytest.raises(export.InvalidInput, match="astype"):
        export.convert(
            classifier.model,
            calibration=[image_batch(dtype=np.float64)],
            progress=lambda *step: stages.append(step),
        )
    assert stages == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_it_must_be_finite(float_file, value):
    batch = image_batch()
    batch[2, 0, 0, 0] = value
    with pytest.raises(export.InvalidInput, match="1 of 4 samples"):
        export.quantize(float_file, "int8", [image_batch(), batch])


def test_one_array_is_as_good_as_a_list(classifier):
    whole = export.quantize(classifier.files["float32"], "int8", classifier.main)
    assert whole == classifier.files["int8"]


def test_a_generator_serves_both_integer_precisions(classifier):
    parts = (part for part in np.array_split(classifier.main, 4))
    files = export.convert(classifier.model, ["int8", "int16x8"], parts)
    assert files["int8"] == classifier.files["int8"]
    assert files["int16x8"] == classifier.files["int16x8"]


def test_every_signature_needs_its_own():
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2)(x))
    signatures = {"first": model, "second": model}
    data = np.ones((2, 3), np.float32)
    with pytest.raises(export.InvalidInput, match="first, second"):
        export.to_tflite(model, "int8", [data], signatures)
    with pytest.raises(export.InvalidInput, match="first, second"):
        export.to_tflite(model, "int8", {"first": [data]}, signatures)


def test_only_a_float_file_can_be_quantised(classifier):
    with pytest.raises(export.InvalidFile, match="int8"):
        export.quantize(classifier.files["int8"], "float16")


def test_constant_activations_are_no_problem(chain):
    model = chain((3,), keras.layers.Dense(4, kernel_initializer="zeros"), keras.layers.Dense(2))
    data = np.ones((4, 3), np.float32)
    content = export.to_tflite(model, "int8", [data])
    assert np.allclose(export.load(content)(data), model.predict(data, verbose=0), atol=1e-3)
