"""Metadata inside the file and beside it, read by schemas and runtimes that are not ours."""

import json
import zipfile

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

import export
from export import flatbuffer

LABELS = ("plane", "car", "bird", "cat", "deer")
METADATA = export.Metadata(
    name="five things",
    description="Tells five things apart.",
    version="1.2",
    author="Ada",
    license="Apache-2.0",
    labels=LABELS,
    normalization=export.Normalization(mean=0, std=255),
    recipe={"epochs": 3, "optimizer": {"name": "sgd"}},
)
PIXELS = np.random.default_rng(3).integers(0, 256, (6, 12, 12, 3), np.uint8)


def decoded(content):
    """The metadata of a file as objects of MediaPipe's schema; None if there is none."""
    model = flatbuffer.parse(content)
    found = [model.buffers[e.buffer].data for e in model.metadata if e.name == b"TFLITE_METADATA"]
    if not found:
        return None
    (buffer,) = found
    assert bytes(buffer[4:8]) == b"M001"
    return schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(bytes(buffer)))


def packed(content, path):
    path.write_bytes(content)
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        return {name: archive.read(name) for name in archive.namelist()}


def mediapipe_scores(content, path, images):
    """What MediaPipe Tasks' classifier says about images, as `(n, classes)` by the order of `LABELS`."""
    import mediapipe
    from mediapipe.tasks.python import vision

    path.write_bytes(content)
    classifier = vision.ImageClassifier.create_from_model_path(str(path))
    rows = []
    for pixels in images:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        (head,) = classifier.classify(image).classifications
        scores = {category.category_name: category.score for category in head.categories}
        assert set(scores) == set(LABELS)
        rows.append([scores[label] for label in LABELS])
    classifier.close()
    return np.array(rows)


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic_int8"])
def test_mediapipe_reads_labels_and_normalisation(classifier, precision, tmp_path):
    content = export.write_metadata(classifier.files[precision], METADATA)
    found = mediapipe_scores(content, tmp_path / "model.tflite", PIXELS)
    expected = export.load(content)(PIXELS / np.float32(255))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("mean", [0, 128])
def test_mediapipe_runs_an_int8_file_that_takes_pixels(classifier, mean, tmp_path):
    normalization = export.Normalization(mean=mean, std=255)
    content = export.take_pixels(classifier.files["int8"], normalization)
    content = export.write_metadata(content, METADATA)
    found = mediapipe_scores(content, tmp_path / "model.tflite", PIXELS)
    real = (PIXELS - np.float32(mean)) / np.float32(255)
    expected = export.load(classifier.files["int8"])(real)
    step = export.inspect(content).signatures["serving_default"].outputs[0].scale
    assert np.abs(found - expected).max() <= 1.01 * step


def test_mediapipe_refuses_int8_and_grey_files(classifier, chain, tmp_path):
    """As documented; should this pass one day, the documents are to be changed."""
    content = export.write_metadata(classifier.files["int8"], METADATA)
    with pytest.raises(ValueError, match="uint8/float32"):
        mediapipe_scores(content, tmp_path / "model.tflite", PIXELS)


@pytest.mark.parametrize("precision", export.DEFAULT_PRECISIONS)
def test_what_runs_is_not_touched(classifier, precision, tmp_path):
    before = classifier.files[precision]
    after = export.write_metadata(before, METADATA)
    assert after != before
    assert after == export.write_metadata(before, METADATA) == export.write_metadata(after, METADATA)
    old, new = export.inspect(before), export.inspect(after)
    assert (old.operators, old.signatures, old.constants) == (new.operators, new.signatures, new.constants)
    one, other = (export.load(content).raw(classifier.main) for content in (before, after))
    np.testing.assert_array_equal(one["logits"], other["logits"])
    assert packed(after, tmp_path / "model.tflite") == {
        "labels.txt": "".join(f"{label}\n" for label in LABELS).encode(),
        "recipe.json": (json.dumps(METADATA.recipe, indent=1) + "\n").encode(),
    }


def test_every_field_is_where_the_schema_says(classifier):
    found = decoded(export.write_metadata(classifier.files["int8"], METADATA))
    assert (found.name, found.version, found.author) == (b"five things", b"1.2", b"Ada")
    assert (found.description, found.license) == (b"Tells five things apart.", b"Apache-2.0")
    (recipe,), (graph,) = found.associatedFiles, found.subgraphMetadata
    assert recipe.name == b"recipe.json"
    (image,), (logits,) = graph.inputTensorMetadata, graph.outputTensorMetadata
    assert (image.name, logits.name) == (b"image", b"logits")
    assert image.content.contentProperties.colorSpace == schema.ColorSpaceType.RGB
    (unit,) = image.processUnits
    assert (unit.options.mean.tolist(), unit.options.std.tolist()) == ([0], [255])
    assert (image.stats.min.tolist(), image.stats.max.tolist()) == ([0], [1])
    (file,) = logits.associatedFiles
    assert (file.name, file.type) == (b"labels.txt", schema.AssociatedFileType.TENSOR_AXIS_LABELS)


def test_metadata_come_off_again_and_survive_quantising(classifier, tmp_path):
    content = export.write_metadata(classifier.files["float32"], METADATA)
    bare = export.remove_metadata(content)
    assert decoded(bare) is None
    assert packed(bare, tmp_path / "bare.tflite") == {}
    assert bare == export.remove_metadata(bare)
    half = export.quantize(content, "float16")
    assert decoded(half).author == b"Ada"
    assert packed(half, tmp_path / "half.tflite") == packed(content, tmp_path / "whole.tflite")
    pixels = export.take_pixels(export.write_metadata(classifier.files["int8"], METADATA))
    assert decoded(pixels).author == b"Ada"
    assert set(packed(pixels, tmp_path / "pixels.tflite")) == {"labels.txt", "recipe.json"}


def test_several_signatures_and_outputs_by_name(coder, tmp_path):
    shades = export.Metadata(
        normalization=export.Normalization(127.5, 127.5), labels={"encode2": list("abcd")}
    )
    found = decoded(export.write_metadata(coder.files["float32"], shades))
    by_name = {graph.name.decode(): graph for graph in found.subgraphMetadata}
    assert set(by_name) == set(coder.signatures)
    assert by_name["encode"].outputTensorMetadata[0].associatedFiles[0].name == b"labels.txt"
    assert by_name["decode"].inputTensorMetadata[0].processUnits is None
    for name in ("encode", "reconstruct"):
        (image,) = by_name[name].inputTensorMetadata
        assert image.content.contentProperties.colorSpace == schema.ColorSpaceType.GRAYSCALE
        assert (image.stats.min.tolist(), image.stats.max.tolist()) == ([-1], [1])


def test_take_pixels_is_the_same_file_with_another_sign(classifier):
    before, after = (
        export.load(c) for c in (classifier.files["int8"], export.take_pixels(classifier.files["int8"]))
    )
    assert after.contents.precision == "int8"
    one, other = before.raw(classifier.main)["logits"], after.raw(classifier.main)["logits"]
    assert other.dtype == np.uint8
    np.testing.assert_array_equal(one.astype(int) + 128, other)
    report = export.verify(classifier.model, export.take_pixels(classifier.files["int8"]), [classifier.main])
    assert report.passed, report.problems


@hypothesis.settings(deadline=None, max_examples=15)
@hypothesis.given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1),
        min_size=5,
        max_size=5,
    ),
    st.text(max_size=20),
)
def test_any_text_comes_back(classifier, labels, author):
    hypothesis.assume(all(label.strip() for label in labels))
    metadata = export.Metadata(labels=labels, author=author.replace("\0", ""))
    content = export.write_metadata(classifier.files["dynamic_int8"], metadata)
    assert (decoded(content).author or b"").decode() == metadata.author
    assert f"{labels[0]}\n".encode() in content
    assert export.load(content).signatures == ("serving_default",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": LABELS[:4]}, "4 labels.*needs 5"),
        ({"labels": "plane"}, "sequence"),
        ({"labels": (*LABELS[:4], "two\nlines")}, "one line"),
        ({"labels": {"logit": LABELS}}, "no output 'logit'.*logits"),
        ({"normalization": {"picture": export.Normalization()}}, "no input 'picture'.*image"),
        ({"normalization": export.Normalization((0, 0), (1, 1))}, "2 means.*3 channels"),
        ({"normalization": 255}, "export.Normalization"),
        ({"recipe": {"model": object()}}, "JSON"),
        ({"author": None}, "author must be a text"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_converted(classifier, tmp_path, changes, words):
    with pytest.raises(export.InvalidInput, match=words):
        metadata = export.Metadata(**changes)
        export.write_metadata(classifier.files["float32"], metadata)


@pytest.mark.parametrize(("mean", "std"), [(0, 0), ("red", 1), ((), 1), (float("nan"), 1)])
def test_a_normalisation_must_make_sense(mean, std):
    with pytest.raises(export.InvalidInput, match="Normalization"):
        export.Normalization(mean, std)


def test_a_float_file_can_not_take_pixels(classifier):
    with pytest.raises(export.InvalidInput, match=r"image \(float32\)"):
        export.take_pixels(classifier.files["float16"])
    with pytest.raises(export.InvalidInput, match="one scale"):
        export.take_pixels(classifier.files["int8"], export.Normalization((1, 2, 3), (1, 1, 1)))


@pytest.mark.parametrize("metadata", [None, METADATA])
def test_an_export_writes_both(classifier, tmp_path, metadata):
    report = export.export_model(
        classifier.model,
        tmp_path,
        precisions=["int8"],
        calibration=[classifier.main],
        batches=[classifier.main],
        score=lambda predict: {"accuracy": 0.5},
        metadata=metadata,
        runs=1,
    )
    file = report.file("int8")
    content = (tmp_path / "int8.tflite").read_bytes()
    found = json.loads((tmp_path / "int8.json").read_text())
    assert found["sha256"] == file.contents.sha256 == export.inspect(content).sha256
    assert (found["precision"], found["bytes"]) == ("int8", len(content))
    assert found["metrics"] == {"accuracy": 0.5}
    (image,), (logits,) = found["signatures"]["serving_default"].values()
    described = file.contents.signatures["serving_default"].inputs[0]
    assert (image["scale"], image["zero_point"]) == (described.scale, described.zero_point)
    assert (image["shape"], image["dtype"]) == ([1, 12, 12, 3], "int8")
    floats = json.loads((tmp_path / "float32.json").read_text())["signatures"]["serving_default"]
    assert floats["inputs"][0]["scale"] is None
    assert (decoded(content) is None) == (metadata is None)
    if metadata:
        assert decoded(content).author == b"Ada"
        assert logits["labels"] == list(LABELS)
        assert image["normalization"] == {"mean": [0], "std": [255]}
        assert (found["author"], found["license"]) == ("Ada", "Apache-2.0")
        assert found["recipe"] == METADATA.recipe
    else:
        assert found["name"] == classifier.model.name
        assert logits["labels"] == []


def test_a_normalisation_for_no_image_is_refused_first(tmp_path, chain):
    model = chain((4,), keras.layers.Dense(2))
    with pytest.raises(export.InvalidInput, match="for images"):
        export.export_model(
            model,
            tmp_path,
            precisions=["float32"],
            batches=[np.zeros((1, 4), "float32")],
            metadata=METADATA_OF_TWO,
        )
    assert not list(tmp_path.iterdir())


METADATA_OF_TWO = export.Metadata(labels=("a", "b"), normalization=export.Normalization())
