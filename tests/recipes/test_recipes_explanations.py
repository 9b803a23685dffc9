"""Explanations against gradients by finite differences, sums by hand, and models whose answer is known."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from PIL import Image

import zoo
from recipes import explanations, pipeline, registry, rundir
from recipes.explanations import (
    attention,
    explaining,
    grad_cam,
    integrated_gradients,
    occlusion,
    saliency,
    sanity,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.random((2, 8, 8, 2), np.float32)
CLASSES = np.array([2, 0])


@pytest.fixture(scope="module")
def smooth():
    """A small network without kinks, so that differences come close to its gradients."""
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="tanh", name="conv")(image)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Conv2D(5, 3, padding="same", name="last")(x)
    x = layers.Activation("tanh", name="last_tanh")(x)
    return keras.Model(image, layers.Dense(3, name="logits")(layers.Flatten()(x)), name="smooth")


@pytest.fixture(scope="module")
def linear():
    """Logits that are sums of pixels by known weights."""
    image = keras.Input((6, 6, 1), name="image")
    model = keras.Model(image, layers.Dense(2, use_bias=False)(layers.Flatten()(image)), name="linear")
    weights = RNG.normal(size=(36, 2)).astype(np.float32)
    model.set_weights([weights])
    return model, weights.reshape(6, 6, 2)


def test_saliency_is_the_slope_of_the_score(smooth):
    maps = saliency.saliency(smooth, IMAGES, CLASSES)
    assert maps.shape == (2, 8, 8)
    step = 1e-2
    for y, x in [(0, 0), (3, 5), (7, 7)]:
        slopes = []
        for channel in range(2):
            change = np.zeros_like(IMAGES)
            change[:, y, x, channel] = step
            up, down = (np.asarray(smooth(IMAGES + sign * change)) for sign in (1, -1))
            slopes.append((up - down)[[0, 1], CLASSES] / (2 * step))
        np.testing.assert_allclose(maps[:, y, x], np.abs(slopes).max(axis=0), rtol=2e-2, atol=1e-4)


def test_integrated_gradients_of_a_linear_model_are_its_terms(linear):
    model, weights = linear
    images = RNG.random((2, 6, 6, 1), np.float32)
    found = integrated_gradients.integrated_gradients(model, images, [1, 0], baseline=0.25)
    expected = (images[..., 0] - 0.25) * np.moveaxis(weights, -1, 0)[[1, 0]]
    np.testing.assert_allclose(found.attributions[..., 0], expected, rtol=1e-3, atol=1e-5)
    assert found.gaps.max() < 1e-4


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2), st.floats(0, 1), st.integers(0, 10_000))
def test_integrated_gradients_are_complete(smooth, label, baseline, seed):
    image = np.random.default_rng(seed).random((1, 8, 8, 2), np.float32)
    found = integrated_gradients.integrated_gradients(smooth, image, [label], baseline)
    ends = [float(smooth(x)[0, label]) for x in (image, np.full_like(image, baseline))]
    assert found.attributions.sum() == pytest.approx(
        ends[0] - ends[1], abs=0.011 * max(1, abs(np.subtract(*ends)))
    )
    assert found.gaps[0] <= 0.01


def test_more_points_are_taken_until_the_sum_is_right():
    image = keras.Input((4, 4, 1))
    steep = keras.layers.Lambda(lambda x: keras.ops.sigmoid(200 * (x - 0.37)))(layers.Flatten()(image))
    model = keras.Model(image, layers.Dense(2, kernel_initializer="ones")(steep))
    found = integrated_gradients.integrated_gradients(model, np.ones((1, 4, 4, 1)), [0])
    assert found.steps[0] > 32 and found.gaps[0] <= 0.01
    short = integrated_gradients.integrated_gradients(model, np.ones((1, 4, 4, 1)), [0], most=4)
    assert short.steps[0] == 4 and short.gaps[0] > 0.01


def test_grad_cam_by_hand():
    """Behind the maps is their mean and a dense layer, so that the weights are those of that layer."""
    image = keras.Input((6, 6, 1), name="image")
    maps = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")(image)
    logits = layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(image, logits)
    images = RNG.random((2, 6, 6, 1), np.float32)
    activations = np.asarray(keras.Model(image, maps)(images))
    weights = np.asarray(model.get_layer("logits").kernel)[:, [1, 0]].T / 36  # (n, maps)
    expected = np.maximum(np.einsum("nhwk,nk->nhw", activations, weights), 0)
    found = grad_cam.grad_cam(model, images, [1, 0])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert np.array_equal(found, grad_cam.grad_cam(model, images, [1, 0], "conv"))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("lenet5", "c3"),
        ("resnet8", "block3_relu"),
        ("ds_cnn", "block4_pointwise_relu"),
        ("smooth", "last_tanh"),
    ],
)
def test_maps_are_those_behind_the_last_convolution(smooth, name, layer):
    assert grad_cam.last_maps(smooth if name == "smooth" else zoo.create(name)) == layer


def test_grad_cam_names_what_it_cannot_use(smooth, linear):
    with pytest.raises(ValueError, match="linear has no convolution over images"):
        grad_cam.grad_cam(linear[0], np.zeros((1, 6, 6, 1)), [0])
    with pytest.raises(ValueError, match=r"'pol' is no layer of smooth. Did you mean 'pool'"):
        grad_cam.grad_cam(smooth, IMAGES, CLASSES, "pol")
    with pytest.raises(ValueError, match=r"'logits' of smooth gives \(3,\), not maps .* conv, bn, pool"):
        grad_cam.grad_cam(smooth, IMAGES, CLASSES, "logits")


def test_occlusion_by_hand(linear):
    model, weights = linear
    image = RNG.random((1, 6, 6, 1), np.float32)
    found = occlusion.occlusion(model, image, [1], window=2, stride=2, fill=0.5)[0]
    terms = (image[0, ..., 0] - 0.5) * weights[..., 1]
    expected = np.kron(terms.reshape(3, 2, 3, 2).sum(axis=(1, 3)), np.ones((2, 2)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_occlusion_reaches_every_pixel(linear):
    model, _ = linear
    image = RNG.random((1, 6, 6, 1), np.float32)
    assert (occlusion.occlusion(model, image, [0], window=4, stride=5, fill=9.0) != 0).all()
    with pytest.raises(ValueError, match="give 1 to 6 pixels of an image of 6 × 6"):
        occlusion.occlusion(model, image, [0], window=7)


def test_attention_over_places_and_time():
    from zoo.layers.attention import ChannelAttention, SpatialAttention, TemporalAttention

    image = keras.Input((8, 8, 2))
    spatial, temporal = SpatialAttention(3, name="where"), TemporalAttention(4, name="when")
    x = ChannelAttention(name="which")(spatial(image))
    model = keras.Model(image, layers.Dense(2)(temporal(layers.Reshape((8, 16))(x))))
    maps = attention.attention_maps(model, IMAGES)
    assert {name: found.shape for name, found in maps.items()} == {"where": (2, 8, 8), "when": (2, 8, 1)}
    np.testing.assert_allclose(maps["where"], np.asarray(spatial.attention(IMAGES))[..., 0], rtol=1e-5)
    np.testing.assert_allclose(maps["when"].sum(axis=(1, 2)), 1, rtol=1e-5)


def test_attention_from_token_to_token():
    """Two layers of self-attention over 4 × 4 patches and a class token, rolled out by hand."""

    class ClassToken(layers.Layer):
        def call(self, x):
            return keras.ops.pad(x, [[0, 0], [1, 0], [0, 0]])

    image = keras.Input((8, 8, 2))
    x = ClassToken()(layers.Reshape((16, 6))(layers.Conv2D(6, 2, 2)(image)))
    heads = [layers.MultiHeadAttention(2, 3, name=name) for name in ("first", "second")]
    inputs = []
    for layer in heads:
        inputs.append(x)
        x = layers.Add()([x, layer(x, x)])
    model = keras.Model(image, layers.Dense(3)(x[:, 0]))
    seen = keras.Model(image, inputs)(IMAGES)
    scores = [
        np.asarray(layer(x, x, return_attention_scores=True)[1]) for layer, x in zip(heads, seen, strict=True)
    ]
    first, second = (0.5 * s.mean(axis=1) + 0.5 * np.eye(17) for s in scores)
    maps = attention.attention_maps(model, IMAGES)
    expected = (second @ first)[:, 0, 1:].reshape(2, 4, 4)
    np.testing.assert_allclose(maps["attention rollout"], expected, rtol=1e-4)
    assert "call" not in vars(heads[0])


def test_random_weights_are_put_back(smooth):
    before = smooth.get_weights()
    logits = np.asarray(smooth(IMAGES))
    with sanity.randomised(smooth, 1):
        random = np.asarray(smooth(IMAGES))
    with sanity.randomised(smooth, 1):
        assert np.array_equal(random, smooth(IMAGES))
    assert not np.allclose(random, logits, atol=0.1)
    assert all(np.array_equal(a, b) for a, b in zip(before, smooth.get_weights(), strict=True))


def test_rank_correlation_leaves_out_what_neither_marks():
    from scipy.stats import spearmanr

    one, other = RNG.normal(size=(2, 5, 5))
    one[:2] = other[:2] = 0
    expected = spearmanr(np.abs(one[2:]).ravel(), np.abs(other[2:]).ravel()).statistic
    assert sanity.rank_correlation(one, other) == pytest.approx(expected)
    assert sanity.rank_correlation(one, -one) == pytest.approx(1)
    assert sanity.rank_correlation(one, np.zeros_like(one)) == 0


def test_a_map_that_shows_the_image_alone_is_found_out():
    """With one weight, times its input, random weights change nothing but the scale."""
    image = keras.Input((6, 6, 1))
    mean = layers.GlobalAveragePooling2D()(layers.Conv2D(1, 1, use_bias=False)(image))
    model = keras.Model(image, layers.Dense(2, use_bias=False)(mean))
    methods = ("integrated_gradients",)
    ((explanation,),), left_out = explanations.explain(model, RNG.random((1, 6, 6, 1)), [0], methods)
    assert explanation.correlation == pytest.approx(1, abs=1e-3) and explanation.unchanged
    assert left_out == {}


def test_what_cannot_be_explained_says_why(smooth):
    signal = keras.Input((12, 1), name="signal")
    model = keras.Model(signal, layers.Dense(2)(layers.Flatten()(signal)), name="of_signals")
    with pytest.raises(ValueError, match=r"of_signals cannot be explained: it takes arrays of \(12, 1\)"):
        explanations.explain(model, np.zeros((1, 12, 1)), [0])
    with pytest.raises(ValueError, match="Did you mean 'saliency'"):
        explanations.explain(smooth, IMAGES, CLASSES, ["salience"])
    with pytest.raises(ValueError, match="smooth has no attention over places, time or tokens"):
        explanations.explain(smooth, IMAGES, CLASSES, ["attention"])
    found, left_out = explanations.explain(smooth, IMAGES, CLASSES, draws=0)
    assert [e.method for e in found[0]] == list(explaining.METHODS[:-1]) and list(left_out) == ["attention"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a run of `lenet5_digits` that was trained for an epoch."""
    started = pipeline.start(registry.get("lenet5_digits", epochs=1), tmp_path_factory.mktemp("runs") / "run")
    pipeline.train(started)
    return started.path


def test_the_command_line(run, edgezoo, tmp_path):
    out = tmp_path / "pictures"
    picture = np.random.default_rng(1).integers(0, 255, (20, 16), np.uint8)
    Image.fromarray(picture).save(tmp_path / "some.png")
    ended = edgezoo(
        "explain", run, tmp_path / "some.png", "--test", "0,7", "--class", "3", "--out", out, "--json"
    )
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert list(said["left_out"]) == ["attention"]
    assert [row["input"].rpartition("/")[2] for row in said["images"]] == ["some.png", "test-0", "test-7"]
    for row in said["images"]:
        assert row["class"] == "3"
        assert Image.open(row["picture"]).width > 800
        methods = {m["method"]: m for m in row["methods"]}
        assert list(methods) == list(explaining.METHODS[:-1])
        assert methods["integrated_gradients"]["completeness_gap"] <= 0.01
        assert methods["grad_cam"]["layer"] == "c3"
        assert all(abs(m["rank_correlation_with_random_weights"]) < 0.9 for m in methods.values())

    ended = edgezoo("explain", run, "--test", "0", "--method", "saliency", "--no-sanity", "--out", out)
    assert ended.code == 0, ended.err
    assert "saliency" in ended.out and "occlusion" not in ended.out
    assert (out / "test-0-2.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which images? Give files or folders, or --test 0"),
        (["--test", "355"], "--test 355: give numbers from 0 to 354"),
        (["--test", "0", "--class", "ten"], "--class ten: there is no such class. Possible: 0, 1, 2"),
        (["--test", "0", "--layer", "c33"], "'c33' is no layer of lenet5. Did you mean 'c3'?"),
    ],
)
def test_bad_input_is_named(run, edgezoo, arguments, said):
    ended = edgezoo("explain", run, *arguments)
    assert ended.code == 2 and said in " ".join(ended.err.split())


def test_other_tasks_are_refused(edgezoo, tmp_path):
    run = rundir.create(tmp_path / "run", registry.get("autoencoder_mnist"))
    ended = edgezoo("explain", run.path, "--test", "0")
    assert ended.code == 2 and "learnt task=reconstruction" in ended.err and "edgezoo predict" in ended.err
    file = run.path / "export" / "int8.tflite"
    file.parent.mkdir()
    file.touch()
    ended = edgezoo("explain", file, "--test", "0")
    assert ended.code == 2 and "gives no gradients" in ended.err


def test_a_spectrogram_is_drawn_with_time_to_the_right(tmp_path):
    values = RNG.normal(size=(40, 10))
    one = explaining.Explanation("occlusion", "", values, True, None, None, {})
    for turned in (True, False):
        explanations.picture(tmp_path / f"{turned}.png", values[..., None], [one], "two", turned)
    wide, high = (Image.open(tmp_path / f"{turned}.png").size for turned in (True, False))
    assert wide[0] > 1.5 * wide[1] and high[1] > 1.5 * wide[1]
