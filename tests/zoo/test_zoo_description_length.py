"""The description length against the mean over all codes there are, one by one."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.layers.factorial_code import FactorialCode, FactorialSum, code_nats, sum_variance

SMALL = {"input_shape": (3, 4, 1), "groups": 3, "units": 4, "hidden": (8,), "deviation": 0.3}


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def codes(probabilities):
    """Every choice of one unit a group, with its probability: `(groups, units)` to pairs."""
    groups, units = probabilities.shape
    for choice in itertools.product(range(units), repeat=groups):
        yield choice, np.prod(probabilities[range(groups), choice])


def free_energy(x, p, prior, kernel, bias, deviation):
    """F of one image in nats: energies of all codes, less the entropy; but for a constant."""
    total = 0.0
    for choice, q in codes(p):
        rebuilt = bias + sum(kernel[d, c] for d, c in enumerate(choice))
        energy = -np.log(prior[range(len(choice)), choice]).sum()
        energy += np.square(x - rebuilt).sum() / (2 * deviation**2)
        total += q * (energy + np.log(q))
    return total


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_closed_forms_are_means_over_all_codes(groups, units, outputs, seed):
    rng = np.random.default_rng(seed)
    logits, prior_logits = 2 * rng.normal(size=(2, groups, units)), rng.normal(size=(groups, units))
    kernel = rng.normal(size=(groups, units, outputs))
    nats = code_nats(logits.astype("float32"), prior_logits.astype("float32"))
    variance = sum_variance(softmax(logits).astype("float32"), kernel.astype("float32"))
    for n, p in enumerate(softmax(logits)):
        weighed = [(q, choice) for choice, q in codes(p)]
        prior = softmax(prior_logits)
        divergence = sum(q * np.log(q / np.prod(prior[range(groups), c])) for q, c in weighed)
        sums = np.array([kernel[range(groups), c].sum(axis=0) for _, c in weighed])
        q = np.array([q for q, _ in weighed])[:, None]
        mean = (q * sums).sum(axis=0)
        assert float(nats[n]) == pytest.approx(divergence, rel=1e-4, abs=1e-5)
        assert float(variance[n]) == pytest.approx((q * (sums - mean) ** 2).sum(), rel=1e-4, abs=1e-4)


def test_the_loss_is_the_description_length():
    """Squared error per image plus the model's losses, as training adds them up, is 2 deviation^2 F."""
    rng = np.random.default_rng(0)
    model = zoo.create("mdl_autoencoder", **SMALL)
    code_layer, sum_layer = model.encoder.get_layer("code"), model.decoder.get_layer("pixels")
    code_layer.prior_logits.assign(rng.normal(size=(3, 4)))
    sum_layer.bias.assign(rng.normal(size=12))
    images = rng.random((5, 3, 4, 1), dtype="float32")
    p = model.encoder(images)
    losses = float(sum(model.encoder.losses))
    rebuilt = np.asarray(model.decoder(p, training=True))
    losses += float(sum(model.decoder.losses))
    prior = softmax(np.asarray(code_layer.prior_logits, "float64"))
    kernel = np.asarray(sum_layer.kernel, "float64").reshape(3, 4, 12)
    bias = np.asarray(sum_layer.bias, "float64")
    lengths = [
        free_energy(x.ravel(), q, prior, kernel, bias, 0.3)
        for x, q in zip(images, np.asarray(p, "float64"), strict=True)
    ]
    squared = np.square(images - rebuilt).sum(axis=(1, 2, 3)).mean()
    assert squared + losses == pytest.approx(2 * 0.3**2 * np.mean(lengths), rel=1e-4)


def test_evaluation_adds_the_same_losses_and_clips():
    model = zoo.create("mdl_autoencoder", **SMALL)
    code = np.asarray(model.encoder(np.random.default_rng(0).random((5, 3, 4, 1), dtype="float32")))
    layer = model.decoder.get_layer("pixels")
    layer.bias.assign(np.linspace(-0.5, 1.5, 12))
    linear = np.asarray(layer(code, training=True))
    (loss,) = layer.losses
    clipped = np.asarray(layer(code))
    assert float(layer.losses[0]) == pytest.approx(float(loss))
    assert linear.min() < 0 and linear.max() > 1
    np.testing.assert_allclose(clipped, np.clip(linear, 0, 1), atol=1e-6)


def test_a_code_as_the_prior_expects_it_costs_nothing():
    logits = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(code_nats(np.stack([logits, logits + 2]), logits), [0, 0], atol=1e-6)


def test_training_shortens_the_description_and_spends_nats(learn):
    """Images are sums of one of two bars in each of three places: 3 bits, which the code must learn."""
    keras.utils.set_random_seed(0)
    bits = np.array(list(itertools.product((0, 1), repeat=3)))
    images = np.zeros((8, 6, 6, 1), "float32")
    for image, row in zip(images, bits, strict=True):
        for place, bit in enumerate(row):
            image[2 * place + bit] = 1
    images = np.random.default_rng(0).permutation(np.repeat(images, 8, axis=0))
    model = zoo.create("mdl_autoencoder", input_shape=(6, 6, 1), groups=4, units=3, hidden=(32,))
    model.compile(keras.optimizers.Adam(0.02), lambda x, y: keras.ops.sum((x - y) ** 2, axis=(1, 2, 3)))
    learn(model, images, 100, size=32)
    model(images)
    nats = float(model.encoder.get_layer("code").losses[0]) / (2 * 0.1**2)
    assert model.evaluate(images, images, verbose=0) < 0.4
    assert 0.9 * 3 * np.log(2) < nats < 2 * 3 * np.log(2)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_dtype_follows_the_policy(policy):
    code, total = FactorialCode(3, 4, dtype=policy), FactorialSum(6, dtype=policy)
    p = code(np.full((2, 12), 3.0))
    outputs = total(p, training=True)
    for layer, tensor in ((code, p), (total, outputs)):
        assert keras.backend.standardize_dtype(tensor.dtype) == layer.compute_dtype
        assert layer.compute_output_shape({code: (2, 12), total: (2, 3, 4)}[layer]) == tuple(tensor.shape)
        assert np.isfinite(float(layer.losses[0]))


@pytest.mark.parametrize(
    "layer", [FactorialCode(3, 4, 0.2, name="code"), FactorialSum(5, "he_normal", name="sum")]
)
def test_config_round_trip(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


def test_refuses_arguments():
    for name, layer, options in (
        ("groups", FactorialCode, {"groups": 0, "units": 2}),
        ("units", FactorialCode, {"groups": 1, "units": 2.5}),
        ("deviation", FactorialCode, {"groups": 1, "units": 2, "deviation": 0}),
        ("outputs", FactorialSum, {"outputs": -1}),
    ):
        with pytest.raises(ValueError, match=f"{name}="):
            layer(**options)
    with pytest.raises(ValueError, match="expected 6"):
        FactorialCode(2, 3).build((None, 5))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
def test_files_hold_no_trace_of_the_losses():
    code = keras.Input((3, 4), name="code")
    model = keras.Model(code, FactorialSum(6, name="sum")(code))
    data = softmax(np.random.default_rng(0).normal(size=(24, 3, 4))).astype("float32")
    files = export.convert(model, ("float32", "int8"), calibration=[data])
    for precision, content in files.items():
        report = export.verify(model, content, [data], precision=precision)
        assert report.passed, report.problems
        kinds = dict(export.inspect(content).operators)
        assert kinds["FULLY_CONNECTED"] == 1
        assert not {"BATCH_MATMUL", "LOG", "EXP", "SQUARE"} & set(kinds)
    assert export.inspect(files["int8"]).float_tensors == ()
