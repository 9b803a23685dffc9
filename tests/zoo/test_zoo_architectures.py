"""Every registered architecture builds, has the size its documentation claims, and learns.

It learns at its smallest size; the full one is only built.
"""

import keras
import numpy as np
import pytest

import zoo
from zoo.registry import create_smallest, find

MODEL_SIZES = {
    "alexnet": 62_378_344,
    "all_convolutional": 1_373_482,
    "beta_vae": 3_311_177,
    "capsnet": 6_804_224,
    "compression_autoencoder": 467_105,
    "concrete_autoencoder": 409_905,
    "conditional_vae": 3_327_881,
    "context_module": 69_299,
    "contractive_autoencoder": 1_569_784,
    "convnext_v2": 3_708_400,
    "convolutional_autoencoder": 253_247,
    "cresceptron": 89_882,
    "dannet": 76_040,
    "deconvolutional_decoder": 140_033,
    "deep_autoencoder": 2_847_814,
    "deep_linear_network": 146_570,
    "deeplab": 114_299,
    "denoising_autoencoder": 89_761,
    "dense_autoencoder": 420_752,
    "dilated_cnn": 78_570,
    "dilated_resnet": 1_296_198,
    "ds_cnn": 24_332,
    "efficientnet_lite": 4_694_024,
    "fcn": 782_161,
    "fomo": 20_754,
    "fsrcnn": 4_601,
    "googlenet": 6_998_552,
    "iwae": 3_311_177,
    "k_sparse_autoencoder": 1_570_784,
    "ladder_vae": 1_773_701,
    "lenet1": 2_578,
    "lenet5": 61_706,
    "lenet5_blur": 62_384,
    "lenet5_modern": 62_384,
    "linear_autoencoder": 47_854,
    "mcdnn": 380_200,
    "mcunet": 752_784,
    "mdl_autoencoder": 902_672,
    "mobilenet_v1": 4_253_864,
    "mobilenet_v2": 3_538_984,
    "mobilenet_v3": 2_554_968,
    "neocognitron": 33_322,
    "neural_abstraction_pyramid": 33_090,
    "resnet": 25_610_152,
    "resnet8": 78_666,
    "resnet_small": 271_098,
    "semantic_hashing": 1_320_868,
    "separable_cnn": 53_258,
    "shufflenet_v2": 2_294_784,
    "siann": 64_546,
    "siann_segmenter": 2_218,
    "sparse_autoencoder": 1_569_784,
    "squeezenet": 1_235_496,
    "stacked_autoencoder": 2_837_314,
    "stn_cnn": 134_704,
    "unet": 484_027,
    "upsampling_decoder": 125_473,
    "vae": 3_311_177,
    "vgg16": 138_357_544,
    "vq_vae": 102_241,
}
UNBOUNDED = {"linear_autoencoder"}  # whose outputs are no intensities
KIND = {name: facts.kind for name, facts in zoo.facts().items()}

# Every layer name of the small ones: they are the interface of checkpoints and reports.
LENET_LAYERS = ["image", "pad", "c1", "s2", "c3", "s4", "c5", "flatten", "f6", "logits"]


@pytest.fixture(scope="module", params=zoo.list_models())
def smallest(request):
    """A registered architecture at its smallest size."""
    return create_smallest(request.param)


def batch(model, n=4):
    """`n` images, or codes, in the range that the model expects, and labels where it takes them."""
    rng = np.random.default_rng(0)

    def given(tensor):
        shape = (n, *tensor.shape[1:])
        return rng.integers(2, size=shape) if tensor.dtype == "int32" else rng.random(shape, dtype="float32")

    return keras.tree.map_structure(given, model.input)


def kind(model):
    """The architecture's kind, by the model's name."""
    return KIND[model.name]


def layers_of(model):
    """Every layer, those of nested models included."""
    nested = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return [*model.layers, *(inner for layer in nested for inner in layers_of(layer))]


def test_no_architecture_is_missing():
    assert sorted(MODEL_SIZES) == zoo.list_models()


@pytest.mark.parametrize("name", zoo.list_models())
def test_size_at_the_defaults(name):
    """The table's row of this architecture is measured anew elsewhere; here are the promises."""
    assert zoo.facts()[name].parameters == MODEL_SIZES[name]
    assert f"{MODEL_SIZES[name]:,} parameters at the defaults" in find(name).__doc__


def test_every_layer_is_named(smallest):
    """A name that Keras made up (`conv2d_3`) would depend on what was built before."""
    first = [layer.name for layer in layers_of(smallest)]
    assert first == [layer.name for layer in layers_of(create_smallest(smallest.name))]


def test_layer_names_are_stable():
    assert [layer.name for layer in zoo.create("lenet5").layers] == LENET_LAYERS
    names = {layer.name for layer in zoo.create("separable_cnn").layers}
    assert {"stem_conv", "block3_depthwise", "block3_pointwise_bn", "pool", "logits"} <= names


def test_outputs(smallest):
    outputs = np.asarray(smallest(batch(smallest)))
    assert outputs.shape == (4, *smallest.output_shape[1:])
    assert np.isfinite(outputs).all()
    if kind(smallest) == "classifier":
        assert outputs.ndim == 2
    elif kind(smallest) == "segmenter":
        assert outputs.ndim == 4
    elif smallest.name not in UNBOUNDED:
        assert outputs.min() >= 0
        assert outputs.max() <= 1


def targets_for(model, n):
    """Labels `(n,)`, labels of positions `(n, h, w)`, or images; and the loss that goes with them."""
    shape, labels = model.output_shape[1:], keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rng = np.random.default_rng(2)
    if kind(model) == "classifier":
        return np.arange(n) % min(4, shape[-1]), labels
    if kind(model) == "segmenter":
        return rng.integers(shape[-1], size=(n, *shape[:-1])), labels
    return rng.random((n, *shape), dtype="float32"), keras.losses.BinaryCrossentropy()


def test_training_lowers_the_loss(smallest):
    keras.utils.set_random_seed(1)
    model = create_smallest(smallest.name)
    inputs = batch(model, n=8)
    targets, loss = targets_for(model, 8)
    # Compiling a deep network takes longer than a few steps without.
    model.compile(keras.optimizers.Adam(3e-3), loss, run_eagerly=True)
    losses = [model.train_on_batch(inputs, targets) for _ in range(7)]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-2:]) < 0.98 * np.mean(losses[:2])


@pytest.mark.parametrize("name", ["dilated_cnn", "ds_cnn", "lenet5", "resnet8", "separable_cnn"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (96, 96, 3), (33, 17, 2)])
def test_small_classifiers_take_other_images(name, shape):
    model = zoo.create(name, input_shape=shape, classes=3)
    assert model(np.zeros((1, *shape), "float32")).shape == (1, 3)


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (45, 30, 2)])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("convolutional_autoencoder", {"decoder": "deconvolution"}),
        ("convolutional_autoencoder", {"decoder": "upsampling"}),
        ("vae", {"hidden": "convolutional", "units": 16}),
        ("vae", {"hidden": "dense", "units": 16}),
    ],
)
def test_autoencoders_take_other_images(name, options, shape):
    model = zoo.create(name, input_shape=shape, code=5, **options)
    assert model(np.zeros((1, *shape), "float32")).shape == (1, *shape)
    assert model.decoder.input_shape == (None, 5)


def test_lenet_pads_small_images_evenly():
    """Padding inside the model equals padding by hand."""
    small = zoo.create("lenet5", input_shape=(28, 27, 1))
    large = zoo.create("lenet5", input_shape=(32, 32, 1))
    large.set_weights(small.get_weights())
    images = batch(small)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 3), (0, 0)))
    np.testing.assert_allclose(small(images), large(padded), atol=1e-6)


def test_separable_cnn_halves_where_it_widens():
    model = zoo.create("separable_cnn", filters=(8, 8, 16, 16, 32), stem_strides=2)
    sizes = [model.get_layer(f"block{i}_pointwise").output.shape[1] for i in range(1, 5)]
    assert sizes == [14, 7, 7, 4]


def test_resnet8_shortcut_adds_its_input():
    """With the second normalisation's scale at zero a block of stride 1 passes its input on."""
    model = zoo.create("resnet8")
    model.get_layer("block1_second_bn").gamma.assign(np.zeros(16))
    probe = keras.Model(
        model.input, [model.get_layer("stem_relu").output, model.get_layer("block1_relu").output]
    )
    before, after = probe(batch(model))
    np.testing.assert_allclose(before, after, atol=1e-6)
