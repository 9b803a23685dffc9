"""Edge networks: the published sizes, and what each is made for."""

import keras
import numpy as np
import pytest

import export
import zoo
from export import flatbuffer
from zoo.registry import find

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")


def images(shape, n=1, seed=0):
    return np.random.default_rng(seed).random((n, *shape), dtype="float32")


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.fixture
def quick_start(monkeypatch):
    """Kernels of zeros: a network that is only counted needs no random numbers."""

    def zeros(self, shape, dtype=None, **kwargs):
        return keras.ops.zeros(shape, dtype)

    for initializer in (keras.initializers.HeNormal, keras.initializers.GlorotUniform):
        monkeypatch.setattr(initializer, "__call__", zeros)


@pytest.mark.parametrize(
    ("name", "given", "published"),
    [
        ("squeezenet", {"version": "1.0"}, 1_248_424),
        ("squeezenet", {"version": "1.1", "bypass": True}, 1_235_496),
        ("shufflenet_v2", {"width": 0.5}, 1_366_792),
        ("shufflenet_v2", {"width": 1.0}, 2_278_604),
        ("shufflenet_v2", {"width": 2.0}, 7_393_996),
        ("efficientnet_lite", {"size": 0}, 4_652_008),
        ("efficientnet_lite", {"size": 2}, 6_092_072),
        ("convnext_v2", {"size": "atto"}, 3_708_400),
        ("convnext_v2", {"size": "pico"}, 9_066_280),
    ],
)
def test_trainable_parameters_are_those_published(quick_start, name, given, published):
    """Counted as torchvision and timm do, without the statistics of batch normalisation."""
    assert trainable(zoo.create(name, **given)) == published


@pytest.mark.parametrize(
    ("size", "pixels", "millions_of_macs", "millions"),
    [
        ("10fps", 48, 6.4, 0.75),
        ("5fps", 96, 12.8, 0.64),
        ("256kB", 160, 67.3, 0.73),
        ("320kB", 176, 81.8, 0.74),
        ("512kB", 160, 125.9, 1.73),
    ],
)
def test_mcunet_is_the_published_one(quick_start, size, pixels, millions_of_macs, millions):
    """MACs depend on every kernel size, expansion and stride; the authors publish them with their code."""
    model = zoo.create("mcunet", size=size, input_shape=(pixels, pixels, 3))
    assert round(zoo.describe(model).macs / 1e6, 1) == millions_of_macs
    assert round(trainable(model) / 1e6, 2) == millions


@pytest.mark.parametrize(("size", "parameters"), [("S", 24_332), ("M", 139_676), ("L", 419_808)])
def test_ds_cnn_sizes(size, parameters):
    model = zoo.create("ds_cnn", size=size)
    assert model.count_params() == parameters
    strided = [layer.name for layer in model.layers if tuple(getattr(layer, "strides", (1, 1))) != (1, 1)]
    assert strided == (["stem_conv"] if size == "S" else ["stem_conv", "block1_depthwise"])


def test_ds_cnn_size_gives_only_what_is_left_out():
    model = zoo.create("ds_cnn", size="L", filters=8, stem_strides=(1, 1))
    assert model.get_layer("stem_conv").output.shape[1:] == (49, 10, 8)
    assert model.get_layer("block5_pointwise").output.shape[1:] == (25, 5, 8)


def test_fomo_has_the_trunk_of_mobilenet_v2(quick_start):
    """As `keras.applications` builds it, cut behind the expansion of its block 6."""
    whole = keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None, include_top=False)
    trunk = keras.Model(whole.input, whole.get_layer("block_6_expand_relu").output)
    ours = zoo.create("fomo")
    cut = keras.Model(ours.input, ours.get_layer("cut_act").output)
    assert cut.count_params() == trunk.count_params()
    assert cut.output_shape == trunk.output_shape


@pytest.mark.parametrize(
    "name", ["convnext_v2", "efficientnet_lite", "mcunet", "shufflenet_v2", "squeezenet"]
)
@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 17, 2)])
def test_take_small_images(quick_start, name, shape):
    model = zoo.create(name, **{**find(name).smallest, "input_shape": shape, "classes": 3})
    assert model(images(shape)).shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("squeezenet", {"version": 1.1}),
        ("squeezenet", {"width": 0}),
        ("shufflenet_v2", {"width": "1.0"}),
        ("shufflenet_v2", {"blocks": (4, 8)}),
        ("efficientnet_lite", {"size": 5}),
        ("efficientnet_lite", {"depth": -1.0}),
        ("mcunet", {"size": "1MB"}),
        ("mcunet", {"blocks": 0}),
        ("mcunet", {"stem_strides": 0}),
        ("convnext_v2", {"size": "tiny"}),
        ("convnext_v2", {"normalization": "group"}),
        ("convnext_v2", {"blocks": (2, 2, 6)}),
        ("convnext_v2", {"patch": 0}),
        ("ds_cnn", {"size": "XL"}),
        ("fomo", {"width": True}),
        ("fomo", {"features": 0}),
    ],
    ids=str,
)
def test_refuses(name, given):
    ((argument, value),) = given.items()
    with pytest.raises(ValueError, match=f"{argument}=") as caught:
        zoo.create(name, **given)
    assert str(value) in str(caught.value)


def test_shufflenet_block_passes_half_of_its_input():
    """Its even channels are the first half of the input, whatever the weights are."""
    model = zoo.create("shufflenet_v2", **find("shufflenet_v2").smallest)
    before, after = (model.get_layer(f"stage3_block{i}_shuffle").output for i in (1, 2))
    x, y = keras.Model(model.input, [before, after])(images(model.input_shape[1:], n=2))
    half = x.shape[-1] // 2
    np.testing.assert_array_equal(y[..., ::2], x[..., :half])
    assert not np.array_equal(y[..., 1::2], x[..., half:])


def test_squeezenet_bypass_adds_the_input_of_a_fire_module():
    model = zoo.create("squeezenet", input_shape=(32, 32, 3), classes=4, width=0.25, bypass=True)
    names = ("fire2_concat", "fire3_concat", "fire3_bypass")
    before, fire, after = keras.Model(model.input, [model.get_layer(name).output for name in names])(
        images((32, 32, 3))
    )
    np.testing.assert_allclose(after, np.asarray(before) + np.asarray(fire), atol=1e-6)


def test_squeezenet_versions_pool_at_different_places(quick_start):
    """Table 1 of the paper: 55, 27 and 13 pixels from 224 with `valid` windows, one more with `same`."""
    for version, expected in {"1.0": [56, 56, 14], "1.1": [56, 28, 14]}.items():
        model = zoo.create("squeezenet", version=version)
        assert [model.get_layer(f"fire{i}_concat").output.shape[1] for i in (2, 4, 9)] == expected


def test_efficientnet_lite_scales_the_inner_stages_only(quick_start):
    small, large = (zoo.create("efficientnet_lite", input_shape=(32, 32, 3), size=size) for size in (0, 4))
    names = [layer.name for layer in large.layers if layer.name.endswith("_project_conv")]
    counts = [sum(name.startswith(f"stage{i}_") for name in names) for i in range(1, 8)]
    assert counts == [1, 4, 4, 6, 6, 8, 1]
    assert small.get_layer("head_conv").filters == large.get_layer("head_conv").filters == 1280
    assert not any("squeeze" in layer.name for layer in large.layers)


@on_tensorflow
def test_convnext_v2_with_batch_norm_needs_fewer_operators():
    """Its normalisations fold; what is left is global response normalisation's own arithmetic."""
    smallest = find("convnext_v2").smallest
    x = images(smallest["input_shape"], n=16)
    operators = {}
    for normalization in ("layer", "batch"):
        model = zoo.create("convnext_v2", **smallest, normalization=normalization)
        for layer in model.layers:
            if layer.name.endswith("_response"):
                layer.gamma.assign(np.full(layer.gamma.shape, 0.5))
        model(x, training=True)
        files = export.convert(model, ("float32", "int8"), calibration=[x])
        for precision, content in files.items():
            assert export.verify(model, content, [x], precision=precision).passed
        assert export.inspect(files["int8"]).float_tensors == ()
        operators[normalization] = sum(export.inspect(files["int8"]).operators.values())
    assert operators["batch"] < 0.7 * operators["layer"]


def live_bytes(content):
    """The most memory that tensors need at once, each kept from its first to its last use."""
    model = flatbuffer.parse(content)
    (graph,) = model.subgraphs
    first, last = {}, {}
    for step, operator in enumerate(graph.operators):
        for index in (*operator.inputs, *operator.outputs):
            if index >= 0 and flatbuffer.constant(model, graph.tensors[index]) is None:
                first.setdefault(index, step)
                last[index] = step
    sizes = {
        index: np.prod(graph.tensors[index].shape) * flatbuffer.item_size(graph.tensors[index].type)
        for index in first
    }
    steps = range(len(graph.operators))
    return max(sum(sizes[i] for i in first if first[i] <= step <= last[i]) for step in steps)


@on_tensorflow
def test_mcunet_fits_its_microcontroller():
    """Its busiest moment: a 32 x 32 map of 80 channels in, one out, and 16 channels kept to be added."""
    x = images((128, 128, 3), n=2)
    content = export.to_tflite(zoo.create("mcunet"), precision="int8", calibration=[x])
    assert export.inspect(content).float_tensors == ()
    assert len(content) < 1024 * 1024
    assert live_bytes(content) == 32 * 32 * (80 + 80 + 16)


def test_fomo_finds_centroids():
    """A few dozen steps teach it which 8 x 8 cell of a dark image holds a bright dot."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    cells = rng.integers(4, size=(96, 2))
    dots = np.zeros((96, 32, 32, 1), "float32")
    labels = np.zeros((96, 4, 4), "int32")
    for dot, label, (row, column) in zip(dots, labels, cells, strict=True):
        dot[8 * row + 2 : 8 * row + 6, 8 * column + 2 : 8 * column + 6] = 1
        label[row, column] = 1
    model = zoo.create("fomo", input_shape=(32, 32, 1), classes=1)
    assert model.output_shape == (None, 4, 4, 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss, jit_compile=False)
    model.fit(dots, labels, batch_size=32, epochs=20, verbose=0)
    logits = model.predict(dots, verbose=0)
    objectness = logits[..., 1] - logits[..., 0]
    found = np.stack(np.unravel_index(objectness.reshape(96, -1).argmax(-1), (4, 4)), axis=-1)
    assert (found == cells).all(axis=-1).mean() > 0.9
