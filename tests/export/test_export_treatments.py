"""Ranges by other means, equalisation, bias correction, and what they are compared with."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from export import flatbuffer
from export.quantization import derive
from export.quantization.bias_correction import correct_biases
from export.quantization.equalization import equalize
from export.quantization.ranges import BINS, activation_means, activation_ranges
from export.quantization.tensorflows import by_tensorflow
from export.quantization.treatments import error
from export.running import outputs

L = keras.layers
Options = export.QuantizationOptions


def images(*shape, count=32):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


@pytest.fixture(scope="module")
def dense():
    keras.utils.set_random_seed(2)
    start = keras.Input((8,), name="x")
    return export.to_tflite(keras.Model(start, L.Dense(4, name="dense")(start), name="dense"))


def input_range(content, rows, **options):
    found = activation_ranges(content, {"serving_default": {"x": rows}}, Options(**options))
    return found["serving_default_x:0"]["min"].item(), found["serving_default_x:0"]["max"].item()


@settings(deadline=None, max_examples=15)
@given(st.floats(0, 0.99), st.integers(1, 20), st.integers(0, 100))
def test_the_moving_average_follows_each_sample(dense, momentum, count, seed):
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    low, high = rows[0].min(), rows[0].max()
    for row in rows[1:]:
        low, high = low + (1 - momentum) * (row.min() - low), high + (1 - momentum) * (row.max() - high)
    found = input_range(dense, rows, ranges="moving_average", momentum=momentum)
    assert found == pytest.approx((low, high), rel=1e-4)


@settings(deadline=None, max_examples=15)
@given(st.floats(60, 100), st.integers(0, 100))
def test_percentiles_are_those_of_all_values(dense, percentile, seed):
    rows = np.random.default_rng(seed).normal(size=(100, 8)).astype(np.float32)
    low, high = input_range(dense, rows, ranges="percentile", percentile=percentile)
    ordered, slack = np.sort(rows.ravel()), 2 * np.ptp(rows) / BINS
    # Any number between two neighbouring values cuts off as many.
    for found, wanted in ((low, 100 - percentile), (high, percentile)):
        place = wanted / 100 * ordered.size
        below = ordered[max(math.floor(place - 1e-6) - 1, 0)]
        above = ordered[min(math.ceil(place + 1e-6), ordered.size - 1)]
        assert below - slack <= found <= above + slack


def test_only_so_many_samples_count(classifier):
    x, content = classifier.main, classifier.files["float32"]
    few = export.quantize(content, "int8", [x], options=Options(samples=5))
    assert few == export.quantize(content, "int8", [x[:5]])
    assert few != classifier.files["int8"]


BAD = {
    "ranges": ("entropy", "min_max, moving_average, percentile"),
    "samples": (0, "positive integer"),
    "momentum": (1.0, "below 1"),
    "percentile": (float("nan"), "above 50"),
    "equalize": (True, "auto, always, never"),
    "correct_bias": ("sometimes", "auto, always, never"),
    "keep_float": ((3,), "names of layers"),
}


@pytest.mark.parametrize("name", BAD)
def test_options_that_mean_nothing_are_refused(name):
    value, words = BAD[name]
    with pytest.raises(export.InvalidInput, match=words):
        Options(**{name: value})


def test_options_are_options(classifier):
    with pytest.raises(export.InvalidInput, match="QuantizationOptions"):
        export.quantize(classifier.files["float32"], "int8", classifier.main, options={"samples": 3})


@pytest.fixture(scope="module")
def uneven():
    """Layers whose channels differ by a factor of a thousand, as batch normalisation can leave them."""
    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 3), name="image")
    x = L.Conv2D(8, 3, activation="relu", name="first")(image)
    x = L.MaxPooling2D(2, name="pool")(x)
    x = L.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = L.Conv2D(6, 1, activation="relu", name="pointwise")(x)
    x = L.Conv2D(4, 1, activation="relu6", name="clipped")(x)
    x = L.GlobalAveragePooling2D(name="mean")(L.Conv2D(4, 1, name="second")(x))
    model = keras.Model(image, L.Dense(3, name="logits")(x), name="uneven")
    factors = np.geomspace(1, 1000, 8)
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel * factors, bias + 0.1 * factors])
    kernel, bias = model.get_layer("depthwise").get_weights()
    model.get_layer("depthwise").set_weights([kernel / factors[:, None], bias])
    return model, export.to_tflite(model), images(8, 8, 3, count=64)


def largest(content, layer, axis):
    """The largest weight of each channel along an axis of a layer's kernel."""
    from export.layers import label

    model = flatbuffer.parse(content)
    graph = model.subgraphs[0]
    operator = next(o for o in graph.operators if label(model, graph, o) == layer)
    kernel = flatbuffer.constant(model, graph.tensors[operator.inputs[1]])
    return np.abs(np.moveaxis(kernel, axis, 0)).reshape(kernel.shape[axis], -1).max(1)


def test_equalised_weights_have_equal_ranges_and_compute_the_same(uneven):
    _, content, x = uneven
    changed, pairs = equalize(content)
    assert pairs == 3  # not across ReLU6, nor across the mean
    expected, found = export.load(content)(x), export.load(changed)(x)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    given, taken = largest(changed, "first", 0), largest(changed, "depthwise", 3)
    assert given == pytest.approx(taken, rel=0.02)
    assert (
        not given.max() / given.min()
        > 0.1 * largest(content, "first", 0).max() / largest(content, "first", 0).min()
    )
    untouched = largest(content, "second", 3)
    assert largest(changed, "second", 3) == pytest.approx(untouched)


def test_nothing_to_equalise(coder):
    """Weights that signatures share are equalised only where all of them agree."""
    content = coder.files["float32"]
    changed, _ = equalize(content)
    for name, samples in coder.samples.items():
        expected, found = (export.load(file)(samples, name) for file in (content, changed))
        assert np.abs(found - expected).max() < 1e-4


def test_equalisation_helps_where_channels_differ(uneven):
    _, content, x = uneven
    _, done = derive(content, "int8", [x], 600, Options(equalize="auto"))
    assert done.equalization.kept
    assert done.equalization.after < 0.7 * done.equalization.before


@pytest.mark.parametrize("option", ["equalize", "correct_bias"])
def test_auto_keeps_only_what_helps(classifier, option):
    x = classifier.main
    file, done = derive(classifier.files["float32"], "int8", [x], 600, Options(**{option: "auto"}))
    change = done.equalization if option == "equalize" else done.bias_correction
    if change is None:
        assert file == classifier.files["int8"]
        return
    assert change.kept == (change.after < change.before)
    assert (file == classifier.files["int8"]) != change.kept


KINDS = {
    "conv": L.Conv2D(6, 3, strides=2, padding="same", name="layer"),
    "valid": L.Conv2D(6, (3, 2), name="layer"),
    "dilated": L.Conv2D(6, 3, dilation_rate=2, padding="same", name="layer"),
    "groups": L.Conv2D(8, 3, groups=2, padding="same", name="layer"),
    "depthwise": L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="layer"),
    "dense": L.Dense(6, name="layer"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_corrected_bias_brings_the_mean_back(chain, kind):
    """On the calibration samples, to within what int8 activations allow."""
    model = chain((7, 6, 4), KINDS[kind])
    x = images(7, 6, 4, count=48) + 1.0
    content = export.to_tflite(model)
    samples = {"serving_default": {"x": x}}
    rough = export.quantize(content, "int4", [x], options=Options(correct_bias="never"))
    corrected = correct_biases(rough, content, samples)
    wanted = model.predict(x, verbose=0).mean((0, 1, 2))
    before, after = (np.abs(export.load(c)(x).mean((0, 1, 2)) - wanted) for c in (rough, corrected))
    step = export.inspect(rough).signatures["serving_default"].outputs[0].scale
    assert before.max() > 0.5 * step
    assert after.max() < 0.35 * step + 0.05 * before.max()


def test_means_are_those_of_the_samples(classifier):
    x = classifier.main
    found = activation_means(classifier.files["float32"], {"serving_default": {"image": x}})
    assert found["serving_default_image:0"] == pytest.approx(x.mean(0, keepdims=True), abs=1e-6)


def test_bias_correction_is_tried_for_int4(classifier):
    _, four = derive(classifier.files["float32"], "int4", [classifier.main], 600, Options())
    _, eight = derive(classifier.files["float32"], "int8", [classifier.main], 600, Options())
    assert four.bias_correction is not None
    assert eight.bias_correction is None


def test_never_less_accurate_than_tensorflows_quantiser(net):
    content = net.files["float32"]
    inputs = export.inspect(content).signatures
    samples = {name: {inputs[name].inputs[0].name: rows} for name, rows in net.samples.items()}
    theirs, reference = by_tensorflow(content, samples), outputs(content, samples)
    errors = [error(file, outputs(file, samples), reference) for file in (theirs, net.files["int8"])]
    assert errors[1] <= 1.05 * errors[0]
