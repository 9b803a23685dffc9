"""The page: self-contained, well-formed, and it says what the report says."""

import dataclasses
import html.parser
import re
import types

import keras
import numpy as np
import pytest

import export
from export.html import charts, graph, to_html
from export.markdown import size

L = keras.layers
VOID = {"meta", "br"}


class Page(html.parser.HTMLParser):
    """Collects what a page shows and refers to, and that every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.links = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [v for k, v in attributes if k in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A net with a skip connection, some of its files judged."""
    keras.utils.set_random_seed(5)
    image = keras.Input((16, 16, 3), name="image")
    x = skip = L.Conv2D(8, 3, padding="same", activation="relu", name="stem")(image)
    x = L.Conv2D(8, 3, padding="same", activation="relu", name="first")(x)
    x = L.Add(name="sum")([skip, L.Conv2D(8, 3, padding="same", name="second")(x)])
    model = keras.Model(image, L.Dense(4, name="logits")(L.GlobalAveragePooling2D()(x)), name="skip")
    data = np.random.default_rng(0).random((32, 16, 16, 3), np.float32)
    folder = tmp_path_factory.mktemp("export")
    labels = model.predict(data, verbose=0).argmax(1)
    report = export.export_model(
        model,
        folder,
        calibration=[data],
        batches=[data],
        score=lambda predict: {"accuracy": np.mean(predict(data).argmax(1) == labels)},
        bars={"int8": export.Bar("accuracy", 0.6), "float16": export.Bar("accuracy", 0.6)},
        name="a<b>&c",
        notes=["A note with `code` & <signs>."],
        runs=5,
    )
    return folder, report


def test_the_page_stands_alone(exported):
    folder, report = exported
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.links == []
    assert "script" not in page.tags
    assert not re.search(r"https?:|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text
    assert text == to_html(report, folder)


def test_it_says_what_the_report_says(exported):
    folder, report = exported
    text = (folder / "report.html").read_text()
    words = " ".join(" ".join(Page(text).words).split())
    assert "a<b>&c" in words
    assert "A note with code & <signs>." in words
    chosen = export.choose(report)
    assert chosen.text.replace("`", "").split(":")[0] in words
    for file in report.files:
        assert file.file in words
        assert f"{file.metrics['accuracy']:.4f}" in words
        assert f"{size(file.contents.bytes)} {size(file.weights.zip_bytes)}" in words
        assert text.count(f"<title>{file.file}</title>") == 1
    for layer in ("stem", "first", "second", "logits"):
        assert layer in words
    assert report.files[0].benchmark.device in words


def test_the_graph_has_a_row_an_operator_and_an_arc_a_skip(exported):
    folder, _ = exported
    costs = export.operator_costs(folder / "int8.tflite")
    drawn = graph.draw(costs, {})
    assert drawn.count("<circle") == len(costs) + 1
    joins = sum(len(cost.inputs) for cost in costs)
    assert drawn.count('class="edge"') == joins == len(costs) + 1
    assert len(re.findall(r"Q\d", drawn)) == 2


def test_costs_are_those_of_the_layers(exported):
    folder, _ = exported
    costs = {cost.layer: cost for cost in export.operator_costs(folder / "float32.tflite")}
    stem, first = costs["stem"], costs["first"]
    assert (stem.operator, stem.shape, stem.dtype) == ("CONV_2D", (1, 16, 16, 8), "float32")
    assert stem.macs == 16 * 16 * 8 * 3 * 3 * 3
    assert stem.weight_bytes == 4 * (3 * 3 * 3 * 8 + 8)
    assert stem.activation_bytes == 4 * 16 * 16 * (3 + 8)
    assert (stem.inputs, first.inputs, costs["sum"].inputs) == ((-1,), (0,), (0, 2))
    assert costs["logits"].macs == 8 * 4


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (L.DepthwiseConv2D(3, padding="same"), (6, 6, 4), 6 * 6 * 4 * 9),
        (L.Conv2DTranspose(16, 3, strides=2, padding="same"), (4, 4, 2), 4 * 4 * 2 * 16 * 9),
        (L.Conv2D(4, 3, groups=2, padding="same"), (6, 6, 4), 6 * 6 * 4 * 2 * 9),
        (L.Conv3D(2, 2), (3, 3, 3, 1), 2 * 2 * 2 * 2 * 8),
        (L.Dense(5), (7,), 7 * 5),
        (L.ReLU(), (7,), 0),
    ],
)
def test_products_are_counted(chain, layer, shape, macs):
    costs = export.operator_costs(export.to_tflite(chain(shape, layer)))
    assert sum(cost.macs for cost in costs) == macs


def file(precision, bytes, ms, loss=None, allowed=0.01, error=0.001, problems=()):
    verdict = None
    if loss is not None:
        verdict = types.SimpleNamespace(
            metric="accuracy",
            value=0.9 - loss,
            reference=0.9,
            loss=loss,
            allowed=allowed,
            higher_is_better=True,
        )
    return types.SimpleNamespace(
        file=f"{precision}.tflite",
        precision=precision,
        contents=types.SimpleNamespace(bytes=bytes),
        benchmark=types.SimpleNamespace(median_ms=ms),
        difference={"accuracy": -(loss or 0)},
        verification=types.SimpleNamespace(agreements=[types.SimpleNamespace(rms_error=error)]),
        verdict=verdict,
        problems=problems,
    )


def chosen(*files):
    problems = tuple(text for f in files for text in f.problems)
    found = types.SimpleNamespace(
        files=files, problems=problems, file=lambda p: next(f for f in files if f.precision == p)
    )
    return export.choose(found)


def test_the_file_to_ship_is_small_fast_and_good_enough():
    base, half = file("float32", 400, 4.0), file("float16", 200, 4.0, 0.0)
    choice = chosen(base, half, file("int8", 100, 1.0, 0.005))
    assert choice.file == "int8.tflite"
    assert "4.0 times smaller and 4.0 times faster" in choice.text
    assert "accuracy 0.895 is 0.005 worse (0.01 are allowed)" in choice.text

    choice = chosen(base, half, file("int8", 100, 1.0, 0.02, problems=("int8.tflite: missed",)))
    assert choice.file == "float16.tflite"
    assert "2.0 times smaller and as fast" in choice.text

    choice = chosen(base, file("int8", 100, 20.0, 0.0))
    assert choice.file == "float32.tflite"
    assert "Where only size counts, `int8.tflite` is 4.0 times smaller" in choice.text
    assert "Microcontrollers and integer-only accelerators need `int8.tflite`" in choice.text


def test_a_file_without_a_bar_may_lose_no_more_than_one_with():
    base, whole = file("float32", 400, 4.0), file("int8", 100, 2.0, 0.005)
    poor = file("int4", 50, 1.0)
    poor.difference["accuracy"] = -0.2
    assert chosen(base, whole, poor).file == "int8.tflite"
    poor.difference["accuracy"] = -0.008
    assert chosen(base, whole, poor).file == "int4.tflite"


def test_nothing_is_shipped_that_failed():
    choice = chosen(file("float32", 400, 4.0, problems=("float32.tflite: it is broken",)))
    assert choice.file is None
    assert choice.text == "Ship none of these files: float32.tflite: it is broken."


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.87, 0.8752), (0, 3.2e6), (-5, 5), (1e-6, 2e-6)])
def test_ticks_are_round_and_inside(low, high):
    found = charts.ticks(low, high)
    assert 3 <= len(found) <= 8
    assert all(low <= value <= high for value in found)
    assert np.ptp(np.diff(found)) < 1e-6 * (high - low)


def test_a_report_of_one_file_or_without_metrics_is_drawn(exported):
    folder, report = exported
    bare = [dataclasses.replace(f, metrics={}, difference={}, verdict=None) for f in report.files]
    for files in (tuple(bare), tuple(bare[:1])):
        page = Page(to_html(dataclasses.replace(report, files=files), folder))
        assert "error against the model" in " ".join(page.words)
