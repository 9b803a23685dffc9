"""Reading and running files: rounding, batches, and files that are damaged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from export.contents import Tensor
from export.predictor import dequantise, quantise


def int8(scale, zero_point):
    return Tensor(name="x", shape=(1,), dtype="int8", scale=scale, zero_point=zero_point)


def test_rounding_is_to_the_nearest_and_to_even_in_a_tie():
    values = np.array([0.24, 0.26, 0.25, 0.75, -0.25, 100, -100], np.float32)
    assert quantise(values, int8(0.5, 3)).tolist() == [3, 4, 3, 5, 3, 127, -128]


@given(
    st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=20),
    st.floats(0.01, 0.1),
    st.integers(-128, 127),
)
@settings(max_examples=60, deadline=None)
def test_a_round_trip_is_within_half_a_step_or_at_the_end_of_the_range(values, scale, zero_point):
    values, tensor = np.array(values, np.float32), int8(scale, zero_point)
    back = dequantise(quantise(values, tensor), tensor)
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    assert np.abs(back - np.clip(values, low, high)).max() <= 0.5 * scale * (1 + 1e-3) + 1e-5


def test_a_batch_is_the_same_as_its_samples(classifier):
    predict = export.load(classifier.files["int8"])
    batch = classifier.main[:5]
    one_by_one = np.concatenate([predict(batch[i : i + 1]) for i in range(5)])
    assert np.array_equal(predict(batch), one_by_one)


def test_threads_do_not_change_the_result(classifier):
    content, batch = classifier.files["float32"], classifier.main[:3]
    assert np.allclose(export.load(content, threads=2)(batch), export.load(content)(batch), atol=1e-6)


def test_paths_and_bytes_are_the_same_file(classifier, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(classifier.files["float32"])
    assert export.inspect(path) == export.inspect(str(path)) == export.inspect(path.read_bytes())
    assert export.load(path).contents.sha256 == export.inspect(path).sha256


def test_signatures_by_name(coder):
    predict = export.load(coder.files["float32"])
    assert predict.signatures[0] == "reconstruct"
    codes = predict(coder.main[:4], "encode")
    decoded, whole = predict(codes, "decode"), predict(coder.main[:4])
    assert np.allclose(decoded, whole, atol=1e-5)
    with pytest.raises(export.InvalidInput, match="reconstruct, decode, encode"):
        predict(codes, "decoder")


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (np.zeros((2, 12, 12, 1)), r"\(2, 12, 12, 1\).*\(n, 12, 12, 3\)"),
        (np.zeros((12, 12, 3)), "shape"),
        (np.zeros((0, 12, 12, 3)), "empty"),
        (np.full((1, 12, 12, 3), "a"), "numbers"),
        ({"picture": np.zeros((1, 12, 12, 3))}, "image.*picture"),
    ],
)
def test_batches_that_do_not_fit(classifier, batch, words):
    with pytest.raises(export.InvalidInput, match=words):
        export.load(classifier.files["float32"])(batch)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_threads_must_be_a_number(classifier, threads):
    with pytest.raises(export.InvalidInput, match="threads"):
        export.load(classifier.files["float32"], threads=threads)


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\0" * 64, b"PK\3\4" * 20, b"\x20\0\0\0TFL3" + b"\xff" * 99]
)
@pytest.mark.parametrize("use", [export.inspect, export.load, export.benchmark])
def test_other_bytes_are_refused(use, content):
    with pytest.raises(export.InvalidFile):
        use(content)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(export.InvalidFile, match="nowhere.tflite"):
        export.load(tmp_path / "nowhere.tflite")
    with pytest.raises(export.InvalidFile):
        export.inspect(tmp_path)
    with pytest.raises(export.InvalidInput, match="path or the bytes"):
        export.inspect(3)


def test_a_file_that_was_cut_off_is_refused(classifier):
    content = classifier.files["float32"]
    for share in (0.1, 0.5, 0.9, 0.999):
        with pytest.raises(export.InvalidFile):
            export.inspect(content[: int(share * len(content))])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_damaged_file_is_read_or_refused(classifier, precision):
    """Whatever bytes change, reading ends in contents or in one kind of error."""
    content, refused = classifier.files[precision], 0
    for seed in range(150):
        rng, damaged = np.random.default_rng(seed), bytearray(content)
        for place in rng.integers(0, len(content), 8):
            damaged[place] = rng.integers(256)
        try:
            export.inspect(bytes(damaged))
        except export.InvalidFile:
            refused += 1
    assert 0 < refused < 150


def test_files_that_need_tensorflow_are_refused(chain):
    """The usual converter writes them when it is allowed to."""
    import keras
    import tensorflow as tf

    model = chain((4, 4, 4, 1), keras.layers.MaxPooling3D())
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    content = converter.convert()
    assert export.inspect(content).flex == ("FlexMaxPool3D",)
    with pytest.raises(export.InvalidFile, match="FlexMaxPool3D"):
        export.load(content)


def test_results_can_not_be_changed(classifier):
    contents = export.inspect(classifier.files["float32"])
    with pytest.raises(AttributeError):
        contents.bytes = 1
    with pytest.raises(TypeError):
        contents.operators["CONV_2D"] = 0
