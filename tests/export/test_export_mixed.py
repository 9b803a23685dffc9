"""Layers that are kept in float, int16 or 8 bits, by name and by search."""

import keras
import numpy as np
import pytest

import export
from export import layers
from export.floating import float_layers

L = keras.layers


def images(*shape, count=32):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


@pytest.fixture(scope="module")
def stack():
    """A model with statistics to fold, its float file, and data."""
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3), name="image")
    x = L.Conv2D(8, 3, use_bias=False, name="block1_conv")(image)
    x = L.ReLU(name="block1_relu")(L.BatchNormalization(name="block1_bn")(x))
    x = L.Conv2D(8, 3, activation="relu", name="block2_conv")(x)
    x = L.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, L.Dense(4, name="logits")(x), name="stack")
    norm = model.get_layer("block1_bn")
    norm.set_weights([np.random.default_rng(1).uniform(0.5, 2, w.shape) for w in norm.get_weights()])
    return model, export.to_tflite(model), images(8, 8, 3)


@pytest.mark.parametrize("precision", ["int8", "int4", "int16x8"])
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("block2_conv",), {"block2_conv"}),
        ("block1_bn", {"block1_conv"}),
        (("block*",), {"block1_conv", "block2_conv"}),
    ],
)
def test_kept_layers_and_no_others_are_in_float(stack, precision, names, expected):
    model, float_file, x = stack
    content = export.quantize(float_file, precision, [x], keep_float=names)
    assert float_layers(content) == expected
    kept = (names,) if isinstance(names, str) else names
    assert export.inspect(content).precision == precision
    assert export.verify(model, content, [x], precision=precision, keep_float=kept).passed
    if precision != "int16x8":
        assert not export.verify(model, content, [x], precision=precision).passed
        assert not export.verify(model, content, [x], precision=precision, keep_float=("pool",)).passed


def test_with_all_layers_in_float_only_the_ends_are_rounded(stack):
    model, float_file, x = stack
    errors = [
        export.verify(model, export.quantize(float_file, "int8", [x], keep_float=kept), [x], keep_float=kept)
        .agreements[0]
        .rms_error
        for kept in ((), ("block1_conv", "block2_conv"), ("block*", "pool", "logits"))
    ]
    # What goes in and out is int8 all the same.
    assert errors[2] < 0.7 * min(errors[:2])


def test_an_unknown_layer_is_refused_with_close_names(stack):
    _, float_file, x = stack
    with pytest.raises(export.InvalidInput, match=r"block2_con'.*'block2_conv'.*The layers are") as refused:
        export.quantize(float_file, "int8", [x], keep_float=["block2_con"])
    assert "logits" in str(refused.value)


def test_int16_inside_an_int8_file(stack):
    model, float_file, x = stack
    options = export.QuantizationOptions(keep_int16=("block2_conv", "pool", "logits"))
    content = export.quantize(float_file, "int8", [x], options=options)
    contents = export.inspect(content)
    assert contents.precision == "int8"
    assert contents.float_tensors == ()
    assert contents.activations["int16"]
    assert contents.activations["int8"]
    plain = export.quantize(float_file, "int8", [x])
    errors = [export.verify(model, c, [x]).agreements[0].rms_error for c in (content, plain)]
    assert errors[0] < errors[1]


def test_layers_are_found_in_nested_models(coder):
    content = coder.files["float32"]
    assert layers.select(content, ["decode*"])
    assert layers.select(content, ["encode1"])
    kept = export.quantize(content, "int8", coder.calibration, keep_float=["encode1"])
    assert float_layers(kept) == {"encode1"}


@pytest.fixture(scope="module")
def fragile():
    """A net of which one layer needs more than 8 bits: it takes small differences of large values."""
    keras.utils.set_random_seed(5)
    start = keras.Input((8,), name="x")
    x = L.Dense(16, activation="relu", name="first")(start)
    x = L.Dense(16, name="large", kernel_initializer=keras.initializers.RandomNormal(stddev=30.0))(x)
    x = L.Dense(2, name="difference", use_bias=False)(x)
    x = L.Dense(8, activation="relu", name="wide")(x)
    model = keras.Model(start, L.Dense(3, name="last")(x), name="fragile")
    large = model.get_layer("large").get_weights()[0]
    # Columns of `large` that nearly agree, of which `difference` takes the difference.
    large[:, 1::2] = large[:, ::2] * 1.02
    model.get_layer("large").set_weights([large, np.zeros(16)])
    weights = np.zeros((16, 2))
    weights[:, 0], weights[::2, 1], weights[1::2, 1] = np.tile([1, -1], 8), 1, -1
    weights[:8, 1] = 0
    model.get_layer("difference").set_weights([weights])
    return model, images(8, count=64)


def relative_error(model, x):
    wanted = model.predict(x, verbose=0)
    return lambda predict: float(np.sqrt(np.mean((predict(x) - wanted) ** 2)) / wanted.std())


def test_the_search_keeps_what_it_must(fragile):
    model, x = fragile
    score = relative_error(model, x)
    plain = score(export.load(export.quantize(export.to_tflite(model), "int16x8", [x])))
    content, found = export.search_mixed(model, [x], score, plain + 0.02, higher_is_better=False)
    assert found.met
    assert found.plain_score > found.score
    assert 0 < len(found.kept) < 5
    assert found.score == pytest.approx(score(export.load(content)))
    assert found.score - found.float_score <= found.within
    assert list(found.sensitivities.values()) == sorted(found.sensitivities.values(), reverse=True)
    # Each of the kept layers is needed.
    level = {"int16": "keep_int16", "float32": "keep_float"}[found.kept_as]
    for layer in found.kept:
        options = export.QuantizationOptions(**{level: tuple(n for n in found.kept if n != layer)})
        try:
            fewer = export.to_tflite(model, "int8", [x], options=options)
        except export.ExportError:
            continue
        assert score(export.load(fewer)) - found.float_score > found.within


def test_the_search_keeps_nothing_where_nothing_is_needed(stack):
    model, _, x = stack
    content, found = export.search_mixed(model, [x], relative_error(model, x), 0.5, higher_is_better=False)
    assert found.kept == ()
    assert found.sensitivities == {}
    assert content == export.to_tflite(model, "int8", [x])


def test_the_search_gives_8_bits_to_layers_of_an_int4_file(stack):
    model, _, x = stack
    score = relative_error(model, x)
    eight = score(export.load(export.to_tflite(model, "int8", [x])))
    content, found = export.search_mixed(
        model, [x], score, eight + 0.01, precision="int4", higher_is_better=False
    )
    assert found.met
    assert found.kept_as == "int8"
    bits = export.inspect(content).weight_bits
    assert {name for name, each in bits.items() if each == 8} == set(found.kept)


def test_a_search_that_finds_nothing_gives_the_best_and_says_so(stack):
    """Nothing is within a distance of zero of float but float itself."""
    model, _, x = stack
    score = relative_error(model, x)
    _, found = export.search_mixed(model, [x], score, 0.0, precision="int16x8", higher_is_better=False)
    assert not found.met
    assert "further than 0 from float32" in str(found)
    assert found.score <= found.plain_score


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"within": -1.0}, "at least 0"),
        ({"within": float("nan")}, "at least 0"),
        ({"within": 0.1, "precision": "float16"}, "int8, int4, int16x8"),
    ],
)
def test_a_search_for_nothing_sensible_is_refused(arguments, words):
    with pytest.raises(export.InvalidInput, match=words):
        export.MixedSearch(score=len, **arguments)


def test_the_export_holds_the_mixed_file(stack, tmp_path):
    model, _, x = stack
    score = relative_error(model, x)
    report = export.export_model(
        model,
        tmp_path,
        precisions=["int8"],
        calibration=[x],
        batches=[x],
        keep_float=["logits"],
        mixed=export.MixedSearch(score=score, within=0.5, higher_is_better=False),
        runs=3,
    )
    assert report.passed, report.problems
    assert [file.file for file in report.files] == ["float32.tflite", "int8.tflite", "mixed.tflite"]
    assert report.files[1].quantization.kept_float == ("logits",)
    assert report.files[2].mixed.met
    assert (tmp_path / "mixed.tflite").exists()
    text = (tmp_path / "report.md").read_text()
    assert "`int8.tflite`: kept logits in float." in text
    assert "`mixed.tflite`: the search kept" in text
    assert export.load_report(tmp_path) == report
