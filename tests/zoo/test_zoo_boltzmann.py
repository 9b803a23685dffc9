"""The restricted Boltzmann machine against sums over all its states, and against NumPy's statistics."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from zoo.layers.boltzmann import KINDS, RestrictedBoltzmannMachine


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def machine_of(visible, units, kind="bernoulli", seed=0, **options):
    """A machine with weights of some size, and they: kernel, visible and hidden biases in float64."""
    machine = RestrictedBoltzmannMachine(units, kind, seed=seed, **options)
    machine.build((None, visible))
    rng = np.random.default_rng(seed)
    machine.set_weights(
        [rng.normal(0, 0.8, size=v.shape) for v in machine.trainable_weights] + machine.get_weights()[3:]
    )
    return machine, *(np.asarray(w, float) for w in machine.trainable_weights)


def states(n):
    """All binary vectors, `(2**n, n)`."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def log_sum_exp(x, axis=-1):
    largest = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - largest).sum(axis=axis)) + largest.squeeze(axis)


def examples(n, visible, seed=1):
    return np.random.default_rng(seed).random((n, visible), dtype="float32")


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_free_energy_is_the_sum_over_all_hidden_states(visible, units, seed):
    machine, kernel, b, c = machine_of(visible, units, seed=seed)
    v, h = examples(4, visible, seed), states(units)
    energies = -(v @ b)[:, None] - h @ c - v @ kernel @ h.T  # (n, states)
    np.testing.assert_allclose(machine.free_energy(v), -log_sum_exp(-energies), rtol=1e-4, atol=1e-4)


def test_free_energy_of_gaussian_units_is_the_integral():
    """Over a fine grid; differences between examples, as a constant is left out."""
    machine, kernel, b, c = machine_of(3, 2, "gaussian")
    v, axis = examples(5, 3), np.linspace(-9, 9, 361)
    h = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    energies = -(v @ b)[:, None] + ((h - c) ** 2).sum(1) / 2 - v @ kernel @ h.T
    expected = -log_sum_exp(-energies)
    found = np.asarray(machine.free_energy(v))
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=1e-4)


def test_means_are_the_conditional_probabilities():
    machine, kernel, b, c = machine_of(4, 3)
    v, h = states(4), states(3)
    weights = np.exp(v @ b[:, None] + (h @ c) + v @ kernel @ h.T)  # (visible states, hidden states)
    given_v = weights @ h / weights.sum(1, keepdims=True)
    given_h = weights.T @ v / weights.sum(0)[:, None]
    np.testing.assert_allclose(machine.hidden_mean(v.astype("float32")), given_v, atol=1e-5)
    np.testing.assert_allclose(machine.visible_mean(h.astype("float32")), given_h, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 3])
def test_gradient_is_the_statistics_of_contrastive_divergence(kind, steps):
    """A step of plain descent with rate 1 moves the weights by `<v h> - <v' h'>`, and the biases likewise."""
    machine, kernel, b, c = machine_of(5, 4, kind, steps=steps)
    twin, *_ = machine_of(5, 4, kind, steps=steps)
    v = examples(16, 5)
    sampled = np.asarray(twin(v, training=True), float)  # the same seed draws the same chain
    mean = sigmoid if kind == "bernoulli" else (lambda x: x)
    h, h_sampled = mean(v @ kernel + c), mean(sampled @ kernel + c)
    model = keras.Sequential([keras.Input((5,)), machine])
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    model.train_on_batch(v, v)
    moved = [
        np.asarray(w, float) - old for w, old in zip(machine.trainable_weights, (kernel, b, c), strict=True)
    ]
    expected = [(v.T @ h - sampled.T @ h_sampled) / 16, (v - sampled).mean(0), (h - h_sampled).mean(0)]
    for found, wanted in zip(moved, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_chain_draws_the_hidden_units():
    """Over many draws the mean is the sum over all hidden states; at rest nothing is drawn."""
    machine, kernel, b, c = machine_of(3, 4)
    v = examples(1, 3)
    p, h = sigmoid(v @ kernel + c), states(4)
    shares = np.prod(np.where(h == 1, p, 1 - p), axis=1)
    expected = shares @ sigmoid(h @ kernel.T + b)
    drawn = np.asarray(machine(np.tile(v, (20_000, 1)), training=True))
    np.testing.assert_allclose(drawn.mean(0), expected, atol=0.01)
    np.testing.assert_allclose(machine(v), sigmoid(p @ kernel.T + b), atol=1e-5)
    assert len(np.unique(np.round(drawn[:, 0], 5))) == len(h)


def test_gaussian_units_have_unit_variance():
    """Seen through a kernel so small that the sigmoid is a line."""
    machine = RestrictedBoltzmannMachine(1, "gaussian", seed=0)
    machine.build((None, 1))
    machine.kernel.assign([[0.01]])
    machine.hidden_bias.assign([3.0])
    drawn = np.asarray(machine(np.ones((20_000, 1), "float32"), training=True), float)
    hidden = np.log(drawn / (1 - drawn)) / 0.01
    assert hidden.mean() == pytest.approx(3.01, abs=0.05)
    assert hidden.std() == pytest.approx(1, rel=0.03)


def test_training_raises_the_likelihood():
    """That of two patterns, exact by the sum over all visible states."""
    patterns = np.repeat([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 64, axis=0).astype("float32")
    machine = RestrictedBoltzmannMachine(3, seed=1)
    model = keras.Sequential([keras.Input((6,)), machine])

    def log_likelihood():
        every, seen = states(6).astype("float32"), patterns[[0, -1]]
        partition = log_sum_exp(-np.asarray(machine.free_energy(every), float))
        return float(np.mean(-np.asarray(machine.free_energy(seen), float)) - partition)

    before = log_likelihood()
    assert before == pytest.approx(-6 * np.log(2), abs=0.1)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), metrics=["mse"], jit_compile=False)
    history = model.fit(patterns, patterns, batch_size=16, epochs=40, shuffle=False, verbose=0).history
    assert history["mse"][-1] < 0.1 * history["mse"][0]
    assert log_likelihood() > before + 1.5  # of 4.16 nats, 0.69 cannot be known


def test_seed_repeats_weights_and_draws():
    v = examples(8, 5)
    one, same, other = (RestrictedBoltzmannMachine(4, seed=seed) for seed in (1, 1, 2))
    first = np.asarray(one(v, training=True))
    np.testing.assert_array_equal(first, same(v, training=True))
    np.testing.assert_array_equal(one.kernel, same.kernel)
    other(v, training=True)
    assert not np.allclose(one.kernel, other.kernel)
    moving, *_ = machine_of(5, 4)
    assert not np.allclose(moving(v, training=True), moving(v, training=True))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_dtype_follows_the_policy(kind, policy):
    layer = RestrictedBoltzmannMachine(1200, kind, seed=0, dtype=policy)
    outputs = layer(100 * np.ones((2, 300), "float32"), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    (loss,) = layer.losses
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert np.isfinite(float(loss))


def test_config_and_file_round_trip(tmp_path):
    layer = RestrictedBoltzmannMachine(4, "gaussian", steps=2, seed=7, name="machine")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, RestrictedBoltzmannMachine)
    assert copy.get_config() == layer.get_config()
    assert layer.compute_output_shape((None, 6)) == (None, 6)
    model = keras.Sequential([keras.Input((6,)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(examples(3, 6)), model(examples(3, 6)))


@pytest.mark.parametrize(
    "given", [{"units": 0}, {"units": 2, "steps": 0}, {"units": 2, "kind": "binary"}], ids=str
)
def test_refuses_arguments(given):
    with pytest.raises(ValueError, match=f"{list(given)[-1]}="):
        RestrictedBoltzmannMachine(**given)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="converts a SavedModel")
@pytest.mark.parametrize("kind", KINDS)
def test_reconstruction_exports(kind):
    machine, *_ = machine_of(12, 8, kind)
    inputs = keras.Input((12,), name="inputs")
    model = keras.Model(inputs, machine(inputs))
    data = examples(48, 12)
    files = export.convert(model, ("float32", "int8"), calibration=[data])
    for precision, content in files.items():
        report = export.verify(model, content, [data], precision=precision)
        assert report.passed, report.problems
        assert not export.inspect(content).flex
    assert export.inspect(files["int8"]).float_tensors == ()
