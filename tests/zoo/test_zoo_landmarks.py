"""The networks that made convolutions the standard: counts of their papers, and heads in training."""

import keras
import numpy as np
import pytest

import zoo
from zoo.classifiers.auxiliary import WithAuxiliaryHeads

SMALL_GOOGLENET = {"input_shape": (65, 65, 1), "classes": 3, "width": 0.125, "dropout": 0.0}


def images(model, n=4):
    return np.random.default_rng(0).random((n, *model.input_shape[1:]), dtype="float32")


def sizes(model, *names):
    return [tuple(model.get_layer(name).output.shape[1:]) for name in names]


@pytest.fixture(scope="module")
def with_heads():
    keras.utils.set_random_seed(0)
    return zoo.create("googlenet", auxiliary=True, **SMALL_GOOGLENET)


def test_alexnet_maps_are_those_of_figure_2():
    model = zoo.create("alexnet", width=1 / 16)
    names = ("block1_relu", "block2_relu", "block3_relu", "block5_relu", "pool5")
    assert [size[0] for size in sizes(model, *names)] == [55, 27, 13, 13, 6]
    assert model.get_layer("hidden1").units == 256


@pytest.mark.parametrize("name", ["alexnet", "googlenet"])
@pytest.mark.parametrize("normalization", ["local", "batch", "none"])
def test_normalization(name, normalization):
    model = zoo.create(name, width=1 / 16, input_shape=(67, 67, 3), normalization=normalization)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert ("LocalResponseNormalization" in kinds) == (normalization == "local")
    assert ("BatchNormalization" in kinds) == (normalization == "batch")
    with pytest.raises(ValueError, match="normalization='other'"):
        zoo.create(name, normalization="other")


def test_vgg16_has_no_more_than_keras_applications():
    """Layer by layer, at a size at which both are quick to build."""
    ours = zoo.create("vgg16", input_shape=(32, 32, 3), width=0.125, classes=7)
    theirs = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), include_top=False)
    convolutions = [layer for layer in theirs.layers if layer.weights]
    named = [f"block{i}_{j}_conv" for i, n in enumerate((2, 2, 3, 3, 3), 1) for j in range(1, n + 1)]
    assert [8 * ours.get_layer(name).filters for name in named] == [c.filters for c in convolutions]
    shapes = [layer.output.shape[1:3] for layer in convolutions]
    assert [ours.get_layer(name).output.shape[1:3] for name in named] == shapes


@pytest.mark.parametrize(("name", "shape"), [("alexnet", (66, 80, 3)), ("vgg16", (31, 64, 3))])
def test_too_small_images_are_refused(name, shape):
    with pytest.raises(ValueError, match=r"too small: expected at least (67|32)"):
        zoo.create(name, input_shape=shape)


def test_googlenet_maps_are_those_of_table_1():
    model = zoo.create("googlenet", width=0.125)
    names = ("stem1_relu", "stem2_relu", "inception3a_concat", "inception4a_concat", "inception5b_concat")
    assert sizes(model, *names) == [(112, 112, 8), (56, 56, 24), (28, 28, 40), (14, 14, 64), (7, 7, 128)]


def test_googlenet_heads_add_what_the_paper_says():
    whole = zoo.create("googlenet", auxiliary=True)
    assert whole.count_params() == 13_378_280
    assert whole.without_heads().count_params() == 6_998_552


def test_heads_answer_in_training_only(with_heads):
    x = images(with_heads)
    assert isinstance(with_heads, WithAuxiliaryHeads)
    assert with_heads.output_shape == (None, 3)
    assert with_heads(x).shape == (4, 3)
    outputs = with_heads(x, training=True)
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "logits": (4, 3),
        "auxiliary1": (4, 3),
        "auxiliary2": (4, 3),
    }
    np.testing.assert_allclose(outputs["logits"], with_heads(x), atol=1e-5)
    np.testing.assert_allclose(with_heads(x), with_heads.without_heads()(x), atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports")
def test_exported_files_have_no_trace_of_heads(with_heads):
    import export

    content = export.to_tflite(with_heads, precision="float32")
    operators = export.inspect(content).operators
    assert operators["CONV_2D"] == 57 + 2  # 9 modules of 6, the stem, and 2 local normalisations
    assert operators["FULLY_CONNECTED"] == 1
    assert "AVERAGE_POOL_2D" not in operators
    assert export.verify(with_heads, content, [images(with_heads)]).passed


def test_heads_need_large_images():
    with pytest.raises(ValueError, match=r"at least 65 pixels"):
        zoo.create("googlenet", auxiliary=True, input_shape=(64, 80, 3))


def test_dannet_reads_the_paper_s_notation():
    model = zoo.create("dannet", input_shape=(28, 28, 1))
    assert sizes(model, "pad", "layer1", "layer2", "layer3", "layer4", "layer5") == [
        (29, 29, 1), (26, 26, 20), (13, 13, 20), (9, 9, 40), (3, 3, 40), (150,),
    ]  # fmt: skip
    assert model.count_params() == 76_040
    cifar = zoo.create(
        "dannet", input_shape=(32, 32, 3), layout="30C3-MP2-30C2-MP2-30C3-MP2-30C2-MP2-30N-10N"
    )
    assert sizes(cifar, "layer8", "layer10") == [(1, 1, 30), (10,)]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("20C4-MP", "'MP' is no layer"),
        ("", "'' is no layer"),
        ("0C3", "'0C3' is no layer"),
        ("5C3-MP0", "'MP0' is no layer"),
        ("20c4", "'20c4' is no layer"),
        ("10N-5C3", "follows a dense layer"),
        ("5C40", "smaller than its kernel"),
        (7, "'7' is no layer"),
    ],
)
def test_dannet_refuses_layouts(layout, message):
    with pytest.raises(ValueError, match=message):
        zoo.create("dannet", layout=layout)


def test_committee_averages_its_columns():
    model = zoo.create("mcdnn", columns=3, widths=(1.0, 0.8, 1.2), classes=4)
    x = images(model)
    columns = [model.get_layer(f"column{i}") for i in (1, 2, 3)]
    narrow = np.asarray(keras.ops.image.resize(x, (29, 23), interpolation="bilinear"))
    wide = np.asarray(keras.ops.image.resize(x, (29, 35), interpolation="bilinear"))
    views = [x, np.pad(narrow, ((0, 0), (0, 0), (3, 3), (0, 0))), wide[:, :, 3:-3]]
    logits = [np.asarray(column(view)) for column, view in zip(columns, views, strict=True)]
    np.testing.assert_allclose(model(x), np.mean(logits, axis=0), atol=1e-5)


def test_committee_of_trained_columns():
    """A column takes the weights of a network that was trained apart."""
    alone, committee = zoo.create("dannet"), zoo.create("mcdnn", columns=1)
    committee.get_layer("column1").set_weights(alone.get_weights())
    np.testing.assert_allclose(committee(images(alone)), alone(images(alone)), atol=1e-6)
    for widths in ((), 3, (0.0,), ("a",)):
        with pytest.raises(ValueError, match="widths="):
            zoo.create("mcdnn", widths=widths)
