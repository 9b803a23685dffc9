"""Folders with what a device needs."""

import json

import pytest

import export
from export.targets import delivering


def names(folder):
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


COMMON = {"net.tflite", "check.json", "README.md"}


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("android", {"labels.txt"}),
        ("coral_edgetpu", {"labels.txt"}),
        ("ethos_u55", {"labels.txt", "net_vela.tflite"}),
        ("tflite_micro", {"labels.txt", "net/net.h", "net/net.c", "net/net_operators.h", "net/net.ino"}),
    ],
)
def test_a_device_gets_what_it_needs(classifier, tmp_path, target, more):
    content, labels = classifier.files["int8"], tuple("abcde")
    place = tmp_path / "new" / target
    delivery = export.deliver(content, target, place, name="net", labels=labels)
    assert delivery.passed and delivery.directory == place
    assert names(place) == COMMON | more
    assert {str(file.relative_to(place)) for file in delivery.files} == names(place) - {
        "check.json",
        "README.md",
    }
    assert (place / "net.tflite").read_bytes() == content
    assert (place / "labels.txt").read_text() == "a\nb\nc\nd\ne\n"
    assert json.loads((place / "check.json").read_text())["passed"] is True
    text = (place / "README.md").read_text()
    assert all(need in text for need in export.get_target(target).needs)
    assert list((tmp_path / "new").iterdir()) == [place]


def test_a_file_that_does_not_run_there_comes_with_the_reasons(classifier, tmp_path):
    delivery = export.deliver(classifier.files["dynamic_int8"], "tflite_micro", tmp_path / "out", name="net")
    assert not delivery.passed
    assert names(tmp_path / "out") == COMMON
    assert "does not run there" in (tmp_path / "out" / "README.md").read_text()


def test_an_earlier_folder_gives_way_as_a_whole(classifier, tmp_path, monkeypatch):
    place = tmp_path / "out"
    place.mkdir()
    (place / "old.txt").write_text("old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(delivering, "readme", fail)
        with pytest.raises(export.ExportError, match="No space left"):
            export.deliver(classifier.files["int8"], "web", place)
    assert names(tmp_path) == {"out/old.txt"}
    export.deliver(classifier.files["int8"], "web", place)
    assert "old.txt" not in names(place)


def test_the_name_becomes_an_identifier_in_c(classifier, tmp_path):
    export.deliver(classifier.files["int8"], "tflite_micro", tmp_path / "out", name="2 nets-v1")
    assert "model_2_nets_v1/model_2_nets_v1.ino" in names(tmp_path / "out")
    assert "2 nets-v1.tflite" in names(tmp_path / "out")
