"""Penalties on activity against SciPy and NumPy, and the autoencoder that is made with them."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr

import zoo
from zoo.layers.sparsity import ActivitySparsity, rate_divergence

KINDS = [("kl", 0.1), ("l1", 0.1), ("l2", 0.1), ("l1", None), ("l2", None)]


def penalty(activity, kind, target):
    """By the definitions, in float64; the last axis holds the units."""
    h = activity.astype("float64").reshape(-1, activity.shape[-1])
    if target is None:
        return (np.abs(h) if kind == "l1" else h**2).sum(axis=1).mean()
    rates = h.mean(axis=0)
    if kind == "kl":
        return (rel_entr(target, rates) + rel_entr(1 - target, 1 - rates)).sum()
    return (np.abs(rates - target) if kind == "l1" else (rates - target) ** 2).sum()


def activity(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.01, 0.99, size=shape).astype("float32")


def added(layer, inputs, **options):
    """What `layer` adds to the losses for `inputs`."""
    layer(inputs, **options)
    return [float(loss) for loss in layer.losses]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.floats(0.01, 10),
    st.integers(0, 2**31),
)
def test_penalty_is_the_formula(kind, shape, weight, seed):
    h = activity(*shape, seed=seed)
    (loss,) = added(ActivitySparsity(kind[0], weight, kind[1]), h, training=True)
    assert loss == pytest.approx(weight * penalty(h, *kind), rel=1e-4, abs=1e-5)


def test_activities_without_a_target_may_be_negative():
    h = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    for kind in ("l1", "l2"):
        (loss,) = added(ActivitySparsity(kind, 1.0), h, training=True)
        assert loss == pytest.approx(penalty(h, kind, None), rel=1e-5)


@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_hands_its_input_on_and_adds_nothing_at_inference(kind, target):
    h, layer = activity(3, 4), ActivitySparsity(kind, 1.0, target)
    np.testing.assert_array_equal(layer(h), h)
    assert added(layer, h) == []
    np.testing.assert_array_equal(layer(h, training=True), h)
    assert layer.compute_output_shape((None, 4)) == (None, 4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="records gradients with TensorFlow")
def test_gradient_of_the_divergence():
    """Of Σ_j KL(t || ρ_j) by h_ij: (-t / ρ_j + (1 - t) / (1 - ρ_j)) / n."""
    import tensorflow as tf

    h, target = tf.constant(activity(6, 4)), 0.2
    with tf.GradientTape() as tape:
        tape.watch(h)
        loss = ActivitySparsity("kl", 1.0, target).penalty(h)
    rates = h.numpy().astype("float64").mean(axis=0)
    slope = (-target / rates + (1 - target) / (1 - rates)) / 6
    np.testing.assert_allclose(tape.gradient(loss, h), np.tile(slope, (6, 1)), rtol=1e-4)


def test_divergence_is_finite_where_units_never_or_always_speak():
    found = np.asarray(rate_divergence(0.05, np.float32([0, 0.05, 1])))
    assert np.isfinite(found).all()
    assert found[1] == pytest.approx(0, abs=1e-6)
    assert (found[[0, 2]] > 0.5).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_dtype_follows_the_policy_and_sums_do_not_overflow(policy):
    layer = ActivitySparsity("l2", 1.0, dtype=policy)
    h = np.full((2, 100), 200, "float32")
    outputs = layer(h, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert float(layer.losses[0]) == pytest.approx(100 * 200**2, rel=1e-3)


@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_config_round_trip(kind, target):
    layer = ActivitySparsity(kind, 0.3, target, name="sparsity")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, ActivitySparsity)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("l0", 1.0), "kind="),
        (("l1", 0), "weight="),
        (("l1", float("nan")), "weight="),
        (("kl", 1.0), "target=None"),
        (("kl", 1.0, 1.0), "target=1.0"),
        (("l2", 1.0, 0), "target=0"),
    ],
)
def test_refuses_arguments(given, named):
    with pytest.raises(ValueError, match=named):
        ActivitySparsity(*given)


def test_autoencoder_penalises_every_layer_by_its_own_values():
    weights, targets = (0.5, 0.25), (0.1, 0.3)
    options = {"code": 6, "hidden": (9,), "weight": weights, "target": targets}
    model = zoo.create("sparse_autoencoder", input_shape=(5, 4, 1), **options)
    images = activity(7, 5, 4, 1)
    names = ("hidden1", "code")
    outputs = [model.encoder.get_layer(name).output for name in names]
    hidden = keras.Model(model.encoder.input, outputs)(images)
    expected = [w * penalty(np.asarray(h), "kl", t) for h, w, t in zip(hidden, weights, targets, strict=True)]
    model(images, training=True)
    assert sorted(map(float, model.losses)) == pytest.approx(sorted(expected), rel=1e-4)
    assert model(images).shape == images.shape


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"penalty": "l0"}, "penalty="),
        ({"activation": "tanh"}, "activation="),
        ({"activation": "relu"}, "penalty='kl'"),
        ({"target": None}, "target=None"),
        ({"hidden": (4,), "weight": (1.0, 2.0, 3.0)}, "weight="),
        ({"target": ()}, "target="),
    ],
)
def test_autoencoder_refuses_arguments(given, named):
    with pytest.raises(ValueError, match=named):
        zoo.create("sparse_autoencoder", **{"code": 5, "input_shape": (4, 4, 1), **given})


@pytest.mark.parametrize(("kind", "target", "activation"), [("kl", 0.1, "sigmoid"), ("l1", None, "relu")])
def test_training_makes_the_code_sparse(kind, target, activation, learn):
    """Every unit is driven to its target, or towards 0 where there is none."""
    keras.utils.set_random_seed(0)
    options = {"penalty": kind, "target": target, "activation": activation, "weight": 1.0}
    model = zoo.create("sparse_autoencoder", input_shape=(4, 4, 1), code=10, **options)
    images = activity(64, 4, 4, 1)
    before = np.abs(model.encoder(images, training=True)).mean()
    model.compile(keras.optimizers.Adam(0.03), "mse")
    learn(model, images, 120)
    after = np.asarray(model.encoder(images))
    if target:
        np.testing.assert_allclose(after.mean(axis=0), target, atol=0.03)
    else:
        assert np.abs(after).mean() < 0.3 * before
