"""The first convolutional networks: what their papers count, and what sets them apart."""

import keras
import numpy as np
import pytest

import zoo
from zoo.classifiers.lenet import LENET1_TABLE, LENET5_TABLE

PUBLISHED = {
    "connections": "published",
    "subsampling": "trainable",
    "activation": "scaled_tanh",
    "output": "radial",
}


def images(model, n=4):
    return np.random.default_rng(0).random((n, *model.input_shape[1:]), dtype="float32")


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_lenet5_as_published_layer_by_layer():
    """The trainable parameters that section II.B counts; the codes of the output are fixed."""
    model = zoo.create("lenet5", **PUBLISHED)
    counts = {layer.name: trainable(layer) for layer in model.layers if layer.weights}
    expected = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164, "logits": 0}
    assert counts == expected
    assert trainable(model) == 60_000
    assert model.count_params() == 60_840


def test_lenet5_table_has_the_rows_of_table_1():
    sizes = [len(row) for row in LENET5_TABLE]
    assert sizes == [3] * 6 + [4] * 9 + [6]
    assert len(set(LENET5_TABLE)) == 16
    seen_by = [[o for o, row in enumerate(LENET5_TABLE) if i in row] for i in range(6)]
    assert seen_by[0] == [0, 4, 5, 6, 9, 10, 11, 12, 14, 15]
    assert seen_by[3] == [1, 2, 3, 6, 7, 8, 9, 12, 14, 15]
    assert {len(outputs) for outputs in seen_by} == {10}


@pytest.mark.parametrize("option", list(PUBLISHED))
def test_lenet5_options_combine_and_keep_the_names(option):
    default = zoo.create("lenet5")
    model = zoo.create("lenet5", **{option: PUBLISHED[option]})
    assert [layer.name for layer in model.layers] == [layer.name for layer in default.layers]
    assert np.isfinite(model(images(model))).all()
    with pytest.raises(ValueError, match=f"{option}='other'"):
        zoo.create("lenet5", **{option: "other"})


def test_lenet1_counts():
    assert sorted(map(len, LENET1_TABLE)) == [1] * 4 + [2] * 8
    model = zoo.create("lenet1")
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == {"h1": 104, "h2": 8, "h3": 512, "h4": 24, "logits": 1930}
    plain = zoo.create("lenet1", connections="full", subsampling="average")
    assert plain.count_params() == 3246


def test_siann_is_shift_invariant_up_to_its_dense_layer():
    """Away from the border, shifted images give shifted maps; the segmenter's labels move along."""
    model = zoo.create("siann_segmenter", input_shape=(24, 24, 1))
    canvas = np.zeros((1, 24, 24, 1), "float32")
    canvas[0, 8:14, 7:12] = np.random.default_rng(0).random((6, 5, 1))
    moved = np.roll(canvas, (2, 3), axis=(1, 2))
    expected = np.roll(model(canvas), (2, 3), axis=(1, 2))
    np.testing.assert_allclose(np.asarray(model(moved))[:, 9:-9, 9:-9], expected[:, 9:-9, 9:-9], atol=1e-5)
    assert abs(np.asarray(model(moved) - model(canvas))).max() > 1e-4


def test_neocognitron_tolerates_shifts_better_the_higher_the_layer():
    """Each layer of C-cells averages away a part of what a shift of the image by a pixel changes."""
    keras.utils.set_random_seed(0)
    model = zoo.create("neocognitron", input_shape=(32, 32, 1), planes=(8, 8), kernel_size=5)
    probe = keras.Model(model.input, [model.get_layer(name).output for name in ("s1", "c1", "c2")])
    image = np.zeros((1, 32, 32, 1), "float32")
    image[0, 10:22, 14:17] = 1
    pairs = zip(probe(image), probe(np.roll(image, 1, axis=2)), strict=True)
    changes = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in (map(np.asarray, p) for p in pairs)]
    assert changes == sorted(changes, reverse=True)
    assert changes[-1] > 0


def test_pyramid_shares_its_weights_over_iterations():
    few, many = (zoo.create("neural_abstraction_pyramid", iterations=n) for n in (5, 6))
    assert few.count_params() == many.count_params()
    for layer in (layer for layer in few.layers if layer.weights):
        many.get_layer(layer.name).set_weights(layer.get_weights())
    assert abs(np.asarray(few(images(few))) - np.asarray(many(images(few)))).max() > 1e-4
    assert zoo.describe(many).macs > zoo.describe(few).macs


def test_pyramid_by_hand():
    """Four iterations of two levels: forward, lateral and backward, from what held before."""
    model = zoo.create("neural_abstraction_pyramid", input_shape=(8, 8, 1), filters=(3, 4), iterations=4)
    forward, lateral, backward, forward2, lateral2 = (
        model.get_layer(name)
        for name in (
            "level1_forward",
            "level1_lateral",
            "level1_backward",
            "level2_forward",
            "level2_lateral",
        )
    )
    x, tanh = images(model), keras.ops.tanh
    low1 = tanh(forward(x))
    low2, high2 = tanh(forward(x) + lateral(low1)), tanh(forward2(low1))
    low3, high3 = tanh(forward(x) + lateral(low2) + backward(high2)), tanh(forward2(low2) + lateral2(high2))
    high4 = tanh(forward2(low3) + lateral2(high3))
    logits = model.get_layer("logits")(keras.ops.mean(high4, axis=(1, 2)))
    np.testing.assert_allclose(model(x), logits, atol=1e-5)


def test_pyramid_feeds_back_and_takes_odd_sizes():
    model = zoo.create("neural_abstraction_pyramid", input_shape=(13, 9, 2), filters=(3, 4), iterations=4)
    before = np.asarray(model(images(model)))
    backward = model.get_layer("level1_backward")
    backward.kernel.assign(np.zeros(backward.kernel.shape))
    assert abs(np.asarray(model(images(model))) - before).max() > 1e-6
    with pytest.raises(ValueError, match="iterations=4: expected at least 5"):
        zoo.create("neural_abstraction_pyramid", filters=(3, 4, 5), iterations=4)


@pytest.mark.parametrize("normalized", [False, True])
def test_deep_linear_network_is_linear(normalized):
    model = zoo.create("deep_linear_network", input_shape=(4, 4, 1), units=8, batch_norm=normalized)
    a, b = images(model), images(model)[::-1]
    middle = np.asarray(model((a + b) / 2))
    np.testing.assert_allclose(middle, (np.asarray(model(a)) + np.asarray(model(b))) / 2, atol=1e-4)
    assert sum(isinstance(layer, keras.layers.Dense) for layer in model.layers) == 25


@pytest.mark.parametrize(
    "name", ["cresceptron", "lenet1", "neocognitron", "neural_abstraction_pyramid", "siann"]
)
@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 17, 2)])
def test_origins_take_other_images(name, shape):
    model = zoo.create(name, input_shape=shape, classes=3)
    assert model(np.zeros((1, *shape), "float32")).shape == (1, 3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports")
def test_lenet5_as_published_exports():
    import export

    model = zoo.create("lenet5", **PUBLISHED)
    for precision in ("float32", "int8"):
        content = export.to_tflite(model, precision=precision, calibration=images(model, 16))
        contents = export.inspect(content)
        assert not contents.flex
        assert export.verify(model, content, [images(model, 16)], None, precision).passed
    assert contents.float_tensors == ()
