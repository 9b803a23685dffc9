"""Bytes that come back as they were, and pictures judged alike whoever stored them."""

import io
import json
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import recipes
import zoo
from recipes import tasks
from recipes.data.prepared import Prepared, Split
from recipes.errors import RecipeError
from recipes.tasks import compression, image_formats
from recipes.tasks.entropy_coding import Codec


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 5), st.sampled_from([0.3, 3.0, 1e3, 1e8]))
def test_integers_come_back(seed, n, places, width):
    rng = np.random.default_rng(seed)
    examples = np.rint(rng.normal(0, 3, size=(20, places)))
    codes = np.rint(rng.normal(0, width, size=(n, places)))
    codes.flat[: min(2, codes.size)] = [-(2**31), 2**31 - 1][: codes.size]
    codec = Codec(examples)
    np.testing.assert_array_equal(codec.decode(codec.encode(codes), n), codes)
    np.testing.assert_array_equal(Codec(examples).decode(codec.encode(codes), n), codes)


def test_size_is_that_of_an_ideal_coder():
    rng = np.random.default_rng(0)
    codes = np.rint(rng.laplace(0, [0.2, 2.0, 9.0], size=(20_000, 3)))
    codec = Codec(codes)
    ideal = 0
    for column in codes.T:
        _, counts = np.unique(column, return_counts=True)
        ideal -= (counts * np.log2(counts / counts.sum())).sum() / 8
    assert ideal < len(codec.encode(codes)) < 1.005 * ideal + 8


def test_what_no_table_has_costs_words():
    codec = Codec(np.zeros((1000, 2)))
    usual, strange = np.zeros((100, 2)), np.zeros((100, 2))
    strange[:10, 1] = 12345
    assert len(codec.encode(usual)) <= 8
    assert 40 < len(codec.encode(strange)) < 80  # ten words, and ten rare announcements
    far = np.concatenate([np.zeros((999, 1)), [[10**6]]])  # too far off for a table
    codec = Codec(far)
    np.testing.assert_array_equal(codec.decode(codec.encode(far), 1000), far)


@pytest.mark.parametrize("codes", [np.full((2, 2), 0.5), np.full((2, 2), 2.0**40), np.zeros(3)])
def test_refuses_what_are_no_codes(codes):
    with pytest.raises(RecipeError, match="whole numbers of 32 bits"):
        Codec(np.zeros((2, 2))).encode(codes)


def test_missing_package_is_named_before_anything_is_trained(monkeypatch, edgezoo, tmp_path):
    monkeypatch.setitem(sys.modules, "constriction", None)
    out = tmp_path / "run"
    ended = edgezoo("run", "compression_fashion_mnist", "--set", "data=digits", "--out", out)
    assert ended.code != 0
    assert "edgezoo[compression]" in ended.err.replace("\n", "")
    assert not out.exists()


def pictures(n=7, shape=(10, 12, 1)):
    """Smooth ones, uint8."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, size=(n, *shape)).astype(float)
    for axis in (1, 2):
        coarse = (coarse + np.roll(coarse, 1, axis) + np.roll(coarse, 2, axis)) / 3
    return coarse.astype(np.uint8)


@pytest.mark.parametrize("shape", [(10, 12, 1), (8, 8, 3)])
def test_sheets_hold_every_image(shape):
    images = pictures(shape=shape)
    sheet = image_formats.sheet(images)
    assert sheet.shape == (3 * shape[0], 3 * shape[1], shape[2])
    np.testing.assert_array_equal(sheet[shape[0] : 2 * shape[0], : shape[1]], images[3])
    np.testing.assert_array_equal(image_formats.pieces(sheet, images.shape), images)


@pytest.mark.parametrize("shape", [(10, 12, 1), (8, 8, 3)])
@pytest.mark.parametrize("name", image_formats.FORMATS)
def test_formats_store_what_pillow_stores(name, shape):
    images = pictures(shape=shape)
    for stored, parts in (
        (image_formats.on_a_sheet, [image_formats.sheet(images)]),
        (image_formats.in_files, images),
    ):
        rows = list(stored(name, images))
        setting, size, back = rows[3]
        expected = 0
        for part in parts:
            content = io.BytesIO()
            form = image_formats.FORMATS[name]
            Image.fromarray(part.squeeze()).save(content, form.pillow, **form.options(setting))
            expected += len(content.getvalue())
        assert size == expected
        assert back.shape == images.shape and back.dtype == np.uint8
        sizes = [size for _, size, _ in rows]
        errors = [np.square(back / 255 - images / 255).mean() for *_, back in rows]
        assert sizes[0] < sizes[-1]
        assert errors[0] > 2 * errors[-1]


def test_headers_are_what_files_cost_more():
    images = pictures(25)
    on_a_sheet, in_files = (
        list(f("jpeg", images)) for f in (image_formats.on_a_sheet, image_formats.in_files)
    )
    assert all(few < many for (_, few, _), (_, many, _) in zip(on_a_sheet, in_files, strict=True))


def test_refuses_channels_that_no_format_has():
    with pytest.raises(RecipeError, match="2 channels"):
        image_formats.check_channels((8, 8, 2))


@pytest.fixture(scope="module")
def context():
    images, labels = pictures(80, (8, 8, 1)), np.zeros(80, np.int32)
    data = Prepared(
        "smooth", Split(images[:50], labels[:50]), Split(images[50:], labels[50:]), ("a",), "here"
    )
    return tasks.Context(recipes.get("compression_fashion_mnist", validation=0.2), data)


def predict(batch, signature=None):
    """Codes are pixels in steps of an eighth."""
    return 8 * batch.reshape(len(batch), -1) if signature == "encode" else batch.reshape(-1, 8, 8, 1) / 8


def test_scores_by_hand(context):
    images = context.images(context.data.test.take(range(30)))
    scores = compression.score(predict, [(images[:20], None), (images[20:], None)], context)
    rebuilt = np.rint(255 * np.rint(8 * images) / 8) / 255
    errors = np.square(rebuilt - images.astype(float)).reshape(30, -1)
    assert scores["squared_error"] == pytest.approx(errors.sum(1).mean())
    assert scores["psnr"] == pytest.approx(-10 * np.log10(errors.mean(1)).mean())
    learnt = np.rint(8 * context.images(context.train)).reshape(-1, 64)
    stored = Codec(learnt).encode(np.rint(8 * images).reshape(30, -1))
    assert scores["bits_per_pixel"] == 8 * len(stored) / (30 * 64)
    assert compression.HEADLINE in scores


def test_gain_trades_bits_for_quality(context):
    points = compression.curves(predict, context)
    assert set(points) == {"model", "jpeg", "jpeg2000", "jpeg_files", "jpeg2000_files"}
    assert sorted(p.setting for p in points["model"]) == sorted(compression.GAINS)
    for row in points.values():
        bits, psnr = np.transpose([(p.measures["bits_per_pixel"], p.measures["psnr"]) for p in row])
        assert (np.diff(bits) >= 0).all()
        assert psnr[-1] > psnr[0] + 5


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return zoo.create("compression_autoencoder", input_shape=(8, 8, 1), code=6, filters=(4,))


def test_formats_at_equal_size_and_at_equal_quality(context, model):
    found = compression.curves(tasks.keras_predictor(model), context)
    own = next(p.measures for p in found["model"] if p.setting == 1)
    reference = compression.reference(model, context, {})
    for name in ("jpeg", "jpeg2000"):
        points = [p.measures for p in found[name]]
        curve = [(p["bits_per_pixel"], p["psnr"]) for p in points]
        above = next((p for p in curve if p[0] > own["bits_per_pixel"]), None)
        below = next((p for p in curve[::-1] if p[0] <= own["bits_per_pixel"]), None)
        if below is None:
            expected = above[1]
        else:
            share = (own["bits_per_pixel"] - below[0]) / (above[0] - below[0])
            expected = below[1] + share * (above[1] - below[1])
        assert reference[f"psnr_over_{name}"] == pytest.approx(own["psnr"] - expected)
        assert reference[f"{name}_files_bits_per_pixel"] > reference[f"{name}_bits_per_pixel"] > 0


def test_pictures_and_points_are_written(context, model, tmp_path):
    compression.draw(tmp_path, context, model, tasks.keras_predictor(model))
    assert {p.name for p in tmp_path.iterdir()} == {
        "rate_distortion.png",
        "rate_distortion.json",
        "examples.png",
    }
    points = json.loads((tmp_path / "rate_distortion.json").read_text())
    assert [p["setting"] for p in points["jpeg"]][:2] == [1, 3]
    assert set(points["model"][0]) == {"setting", "bits_per_pixel", "psnr", "squared_error"}
    images = context.images(context.validation)
    inputs = compression.signature_inputs(model, images, context.recipe)
    assert set(inputs) == set(model.signatures)
    np.testing.assert_array_equal(inputs["decode"][0], np.rint(inputs["decode"][0]))


def test_a_run_from_data_to_scored_files(tmp_path):
    result = recipes.run(
        "compression_fashion_mnist",
        out=tmp_path / "run",
        data="digits",
        epochs=15,
        batch_size=32,
        arguments={"code": 12, "filters": (16, 32), "rate_weight": 0.01},
        precisions=("float32", "int8"),
    )
    metrics, files = result.metrics, {f.precision: f for f in result.report.files}
    assert metrics["psnr"] > 12.5  # the mean image of the training split has 11.4
    assert 0 < metrics["bits_per_pixel"] < 2
    assert files["float32"].metrics["squared_error"] == pytest.approx(metrics["squared_error"], rel=0.01)
    assert files["int8"].metrics["squared_error"] < 1.1 * metrics["squared_error"]
    assert (tmp_path / "run" / "plots" / "rate_distortion.png").stat().st_size > 10_000
