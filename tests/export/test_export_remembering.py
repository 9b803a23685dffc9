"""What is known of a file's bytes is found out once, and nobody can change it for the next reader."""

import pytest

import export
from export.remembering import ByContent


def test_the_same_bytes_are_looked_at_once():
    known, calls = ByContent(), []
    for content in (b"one", b"two", bytes(bytearray(b"one"))):
        assert known.get(content, lambda content=content: calls.append(content) or len(calls)) in (1, 2)
    assert calls == [b"one", b"two"]


def test_the_oldest_go_first():
    known, calls = ByContent(most=2), []
    for content in (b"1", b"2", b"3", b"3", b"2", b"1"):
        known.get(content, lambda content=content: calls.append(content))
    assert calls == [b"1", b"2", b"3", b"1"]


def test_what_fails_is_not_kept():
    known = ByContent()
    with pytest.raises(ZeroDivisionError):
        known.get(b"", lambda: 1 // 0)
    assert known.get(b"", lambda: 1) == 1


def test_a_file_that_changes_is_read_anew(tmp_path):
    import keras

    image = keras.Input((4,))
    path, held = tmp_path / "model.tflite", []
    for units in (2, 3):
        path.write_bytes(export.to_tflite(keras.Model(image, keras.layers.Dense(units)(image))))
        held.append(export.inspect(path))
    assert [contents.signatures["serving_default"].outputs[0].shape[-1] for contents in held] == [2, 3]


def test_what_is_kept_can_not_be_changed():
    import keras

    image = keras.Input((4,))
    contents = export.inspect(export.to_tflite(keras.Model(image, keras.layers.Dense(2)(image))))
    for field in ("operators", "constants", "activations", "weight_bits", "signatures"):
        with pytest.raises(TypeError):
            getattr(contents, field)["new"] = 1
