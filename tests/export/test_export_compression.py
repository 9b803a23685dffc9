"""Pruning and clustering: what they promise of weights, in training on every backend, and in files."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
from export.compression.kernels import kernels

L = keras.layers
STEPS = 6  # of an epoch of `compiled`


def matrix(kernel):
    """A kernel's weights, `(outputs, inputs)`."""
    return np.asarray(keras.ops.convert_to_numpy(kernel.to_matrix(kernel.variable)))


def zeros(model):
    return [float((matrix(kernel) == 0).mean()) for kernel in kernels(model)]


def ratios(kernel):
    """The magnitudes by the largest of each row."""
    size = np.abs(matrix(kernel))
    return size / size.max(1, keepdims=True)


@pytest.fixture
def compiled(chain):
    """`compiled()`: a small network, ready to train on `data`."""

    def make(optimizer="adam"):
        keras.utils.set_random_seed(5)
        layers = (
            L.Conv2D(8, 3, activation="relu", name="conv"),
            L.DepthwiseConv2D(3, name="depthwise"),
            L.GlobalAveragePooling2D(name="mean"),
            L.Dense(16, activation="relu", name="hidden"),
            L.Dense(3, name="logits"),
        )
        model = chain((8, 8, 4), *layers)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    return make


@pytest.fixture(scope="module")
def data():
    """Images, and which of the first three channels is the brightest."""
    rng = np.random.default_rng(0)
    x = rng.random((96, 8, 8, 4), np.float32) * rng.random((96, 1, 1, 4), np.float32)
    return x, x.mean((1, 2))[:, :3].argmax(1)


def fit(model, data, epochs=1):
    model.fit(*data, batch_size=16, epochs=epochs, shuffle=False, verbose=0)


@settings(deadline=None, max_examples=10)
@given(
    inputs=st.integers(4, 40),
    outputs=st.integers(2, 20),
    sparsity=st.floats(0, 0.95),
    seed=st.integers(0, 99),
)
def test_the_smallest_weights_become_zero(inputs, outputs, sparsity, seed):
    model = keras.Sequential([keras.Input((inputs,)), L.Dense(outputs)])
    before = np.random.default_rng(seed).normal(size=(inputs, outputs)).astype("float32")
    model.layers[0].kernel.assign(before)
    export.prune(model, sparsity)
    after = np.asarray(model.layers[0].kernel)
    assert (after == 0).sum() == round(np.float32(sparsity) * before.size)
    np.testing.assert_array_equal(after[after != 0], before[after != 0])
    assert np.abs(before[after == 0]).max(initial=0) <= np.abs(before[after != 0]).min()


@settings(deadline=None, max_examples=8)
@given(channels=st.integers(1, 9), kept=st.integers(1, 3), more=st.integers(1, 5), window=st.integers(1, 3))
def test_m_of_n_neighbours_stay(channels, kept, more, window):
    among = kept + more
    if window * window * channels < among:
        return
    model = keras.Sequential([keras.Input((6, 6, channels)), L.Conv2D(5, window)])
    before = matrix(kernels(model)[0])
    export.prune(model, 1 - kept / among, f"{kept}:{among}")
    after = matrix(kernels(model)[0])
    whole = after.shape[1] // among * among
    groups, sizes = after[:, :whole].reshape(-1, among), np.abs(before[:, :whole]).reshape(-1, among)
    assert ((groups != 0).sum(1) == kept).all()
    largest = np.sort(sizes, axis=1)[:, -kept:]
    np.testing.assert_array_equal(np.sort(np.abs(groups), axis=1)[:, -kept:], largest)


def test_blocks_live_and_die_together():
    model = keras.Sequential([keras.Input((24,)), L.Dense(16)])
    before = matrix(kernels(model)[0])
    export.prune(model, 0.75, "4x2")
    blocks = matrix(kernels(model)[0]).reshape(4, 4, 12, 2).transpose(0, 2, 1, 3).reshape(48, 8)
    assert (blocks == 0).all(1).sum() == 36
    assert (blocks != 0).all(1).sum() == 12
    means = np.abs(before).reshape(4, 4, 12, 2).mean((1, 3)).ravel()
    assert set(np.flatnonzero(blocks.any(1))) == set(means.argsort()[-12:])


def test_global_pruning_compares_layers(compiled):
    model = compiled()
    pruned = [kernel for kernel in kernels(model) if not kernel.depthwise]
    hidden = pruned[1]
    hidden.variable.assign(np.asarray(hidden.variable) * 1e-3)
    export.prune(model, 0.4, scope="global")
    assert not matrix(hidden).any()
    total = sum((matrix(kernel) == 0).sum() for kernel in pruned)
    assert total == round(0.4 * sum(matrix(kernel).size for kernel in pruned))


def test_depthwise_and_skipped_layers_are_left_alone(compiled):
    model = compiled()
    export.prune(model, 0.5, skip=("logits", "c*"))
    assert zeros(model) == [0, 0, 0.5, 0]


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
def test_schedule_in_training(compiled, data, schedule):
    """Zhu and Gupta, 2017, equation 1, every second step from 3 to 9; what is zero stays zero."""
    model, seen, dead = compiled(), [], None
    with export.pruning(model, 0.8, begin=3, end=9, every=2, schedule=schedule):
        for step in range(14):
            rows = slice(step % STEPS * 16, step % STEPS * 16 + 16)
            model.train_on_batch(data[0][rows], data[1][rows])
            now = matrix(kernels(model)[2]) == 0
            assert dead is None or (now >= dead).all()
            dead = now
            seen.append(now.mean())
    rising = {
        t: 0.8 * (1 - (1 - (t - 3) / 6) ** 3) if schedule == "polynomial" else 0.8 for t in (3, 5, 7, 9)
    }
    expected = [rising[max(t for t in rising if t <= step)] if step >= 3 else 0 for step in range(14)]
    np.testing.assert_allclose(seen, expected, atol=0.51 / 128)


def test_training_goes_on_after_the_block_as_ever(compiled, data):
    model = compiled()
    fit(model, data)
    with export.pruning(model, 0.8, begin=STEPS, end=STEPS + 2, every=1):
        fit(model, data, 2)
    assert zeros(model) == pytest.approx([0.8, 0, 0.8, 0.8], abs=0.02)
    with export.keep_sparsity(model):
        before = zeros(model)
        fit(model, data)
        assert zeros(model) == before
    fit(model, data)
    assert max(zeros(model)) < 0.2  # a unit that is never active stays as it is
    assert "apply" not in vars(model.optimizer)


def test_interrupted_pruning_goes_on_from_the_saved_model(compiled, data, tmp_path):
    values = {"sparsity": 0.7, "end": 10, "every": 2}
    straight = compiled()
    with export.pruning(straight, **values):
        fit(straight, data, 2)
    first = compiled()
    with export.pruning(first, **values):
        fit(first, data)
    first.save(tmp_path / "model.keras")
    second = keras.saving.load_model(tmp_path / "model.keras")
    with export.pruning(second, **values):
        fit(second, data)
    for resumed, weight in zip(second.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(resumed, weight)


@settings(deadline=None, max_examples=8)
@given(
    clusters=st.integers(3, 40),
    init=st.sampled_from(["linear", "density", "kmeans++"]),
    sparsity=st.sampled_from([0.0, 0.6]),
    seed=st.integers(0, 99),
)
def test_weights_share_few_ratios(clusters, init, sparsity, seed):
    model = keras.Sequential([keras.Input((5, 5, 6)), L.Conv2D(7, 3)])
    before = np.random.default_rng(seed).normal(size=model.layers[0].kernel.shape).astype("float32")
    model.layers[0].kernel.assign(before)
    export.prune(model, sparsity)
    dead = np.asarray(model.layers[0].kernel) == 0
    export.cluster(model, clusters, init)
    after = np.asarray(model.layers[0].kernel)
    np.testing.assert_array_equal(after == 0, dead)
    assert (np.sign(after) == np.sign(np.where(dead, 0, before))).all()
    steps = ratios(kernels(model)[0]) * 127
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert len(np.unique(np.sign(matrix(kernels(model)[0])) * np.rint(steps))) <= clusters
    assert all(len(np.unique(row)) <= clusters for row in matrix(kernels(model)[0]))


def test_more_clusters_are_nearer_to_the_weights(compiled):
    before = [matrix(kernel) for kernel in kernels(compiled())]
    errors = []
    for clusters in (2, 4, 16, 64):
        model = compiled()
        export.cluster(model, clusters)
        pairs = zip(before, kernels(model), strict=True)
        errors.append(sum(np.square(old - matrix(kernel)).sum() for old, kernel in pairs))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01 * errors[0]


def test_shared_values_are_learnt(compiled, data):
    model = compiled(keras.optimizers.Adam(1e-2))
    export.cluster(model, 8)
    before = model.evaluate(*data, verbose=0)
    old = [np.unique(np.rint(127 * ratios(kernel))) for kernel in kernels(model)]
    with export.keep_clusters(model):
        fit(model, data, 6)
    new = [np.unique(np.rint(127 * ratios(kernel))) for kernel in kernels(model)]
    assert model.evaluate(*data, verbose=0) < before - 0.01
    assert any(set(a) != set(b) for a, b in zip(old, new, strict=True))
    assert all(len(np.unique(row)) <= 8 for kernel in kernels(model) for row in matrix(kernel))


def test_shared_value_follows_the_mean_gradient():
    """One channel whose largest weight rests: the rest moves as Han et al.'s centroid, by the mean."""
    model = keras.Sequential([keras.Input((5,)), L.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign(np.array([[1.0], [0.5], [0.5], [0.5], [0.5]]))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.array([[0.0, 0.3, -0.1, 0.2, 0.6]], np.float32)
    error = float(model(x)[0, 0]) - 2.0
    with export.keep_clusters(model):
        model.train_on_batch(x, np.array([[2.0]]))
        moved = np.asarray(model.layers[0].kernel).ravel()
    gradient = 2 * error * x[0, 1:].mean()
    assert len(np.unique(moved[1:])) == 1
    # The scale takes its part in the fit, so that both come near to the step of each alone.
    assert moved[1] == pytest.approx(0.5 - 0.1 * gradient, rel=0.05)
    assert moved[0] == pytest.approx(1.0, rel=0.05)


@pytest.fixture(scope="module")
def files():
    """Files of a network that was pruned and then clustered, behind scales of both signs."""
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 4), name="image")
    x = L.Conv2D(16, 3, use_bias=False, name="conv")(image)
    norm = L.BatchNormalization(name="norm")
    x = L.DepthwiseConv2D(3, name="depthwise")(L.ReLU(name="relu")(norm(x)))
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", name="up")(x)
    model = keras.Model(image, L.Dense(10, name="logits")(L.Flatten(name="flat")(x)), name="small")
    norm.gamma.assign(np.where(np.arange(16) % 2, -0.7, 1.3))
    export.prune(model, 0.5, "2:4", skip="logits")
    export.prune(model, 0.9, skip=["conv", "up"])
    export.cluster(model, 16)
    samples = np.random.default_rng(0).random((32, 8, 8, 4), np.float32)
    return export.convert(model, ("float32", "float16", "dynamic_int8", "int8"), calibration=[samples])


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic_int8", "int8"])
def test_zeros_and_values_are_in_the_file(files, precision):
    weights = export.weigh(files[precision])
    assert [tensor.operator for tensor in weights.tensors] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "CONV_2D",
        "FULLY_CONNECTED",
    ]
    conv, depthwise, up, logits = weights.tensors
    assert conv.zeros == 0.5
    assert conv.most_of_four == up.most_of_four == 2
    assert depthwise.zeros == 0
    assert logits.zeros == pytest.approx(0.9, abs=1e-3)
    for tensor in weights.tensors:
        values = tensor.values if "int8" in precision else tensor.channel_values
        assert values <= 16 + (tensor is up)  # a sub-pixel convolution has zeros of its own
    assert weights.zip_bytes < 0.5 * weights.bytes


def test_weights_by_hand(chain):
    kernel = np.array([[1, 0, 0, 2, 0, 1, 3, 4], [0, 0, 0, 0, 0, 0, 0, 2]], np.float32).T
    model = chain((8,), L.Dense(2, use_bias=False, name="dense"))
    model.layers[-1].kernel.assign(kernel)
    weights = export.weigh(export.to_tflite(model))
    (tensor,) = weights.tensors
    assert (tensor.shape, tensor.dtype, tensor.operator) == ((2, 8), "float32", "FULLY_CONNECTED")
    assert (tensor.zeros, tensor.values, tensor.channel_values) == (10 / 16, 5, 5)
    assert tensor.most_of_four == 3
    assert weights.zeros == tensor.zeros


def test_simulated_integers_keep_zeros_and_values(data):
    """Fine-tuning with simulated integers, both kept: what was pruned and clustered is in the int8 file."""
    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 4), name="image")
    x = L.ReLU(name="relu")(
        L.BatchNormalization(name="norm")(L.Conv2D(16, 3, use_bias=False, name="conv")(image))
    )
    x = L.Dense(3, name="logits")(L.GlobalAveragePooling2D(name="mean")(x))
    model = keras.Model(image, x, name="small")
    export.prune(model, 0.75, skip="logits")
    export.cluster(model, 16)
    aware = export.quantization_aware(model, calibration=[data[0][:32]])
    aware.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = [matrix(kernel) for kernel in kernels(aware)]
    with export.keep_sparsity(aware), export.keep_clusters(aware):
        fit(aware, data, 2)
    assert any((old != matrix(kernel)).any() for old, kernel in zip(before, kernels(aware), strict=True))
    conv, logits = export.weigh(export.to_tflite(aware, "int8")).tensors
    assert conv.zeros == pytest.approx(0.75, abs=1e-3)
    assert conv.values <= 16
    assert logits.values <= 16


JAX = """
import keras, numpy as np, export
from export.compression.kernels import kernels
assert keras.backend.backend() == "jax"
keras.utils.set_random_seed(0)
L = keras.layers
model = keras.Sequential([keras.Input((6, 6, 4)), L.Conv2D(8, 3), L.Flatten(), L.Dense(3)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
rng = np.random.default_rng(0)
x, y = rng.random((64, 6, 6, 4), np.float32), rng.integers(0, 3, 64)
def zeros():
    return [np.asarray(k.variable) == 0 for k in kernels(model)]
with export.pruning(model, 0.75, begin=1, end=6, every=2):
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
assert [round(float(z.mean()), 2) for z in zeros()] == [0.75, 0.75], zeros()
before = zeros()
export.cluster(model, 9)
with export.keep_sparsity(model), export.keep_clusters(model):
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
assert all((a == b).all() for a, b in zip(before, zeros()))
rows = [row for k in kernels(model) for row in np.asarray(k.to_matrix(k.variable))]
assert max(len(np.unique(row)) for row in rows) <= 9
"""


def test_jax_prunes_and_clusters_within_its_step(jax_backend):
    environment = os.environ | jax_backend | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", JAX]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda model: export.prune(model, 1.0), "below 1"),
        (lambda model: export.prune(model, 0.5, "2/4"), "no pattern '2/4'"),
        (lambda model: export.prune(model, 0.8, "2:4"), "has a sparsity of 0.5"),
        (lambda model: export.prune(model, 0.5, "2:4", "global"), "scope='global'"),
        (lambda model: export.prune(model, 0.5, "99:999"), "sparsity of"),
        (lambda model: export.prune(model, 0.5, skip="convs"), "No layer with a kernel matches 'convs'"),
        (lambda model: export.prune("model", 0.5), "built keras.Model"),
        (lambda model: export.pruning(model, 0.5, end=2, begin=3).__enter__(), "end must be"),
        (
            lambda model: export.pruning(model, 0.5, end=2, schedule="cosine").__enter__(),
            "no schedule 'cosine'",
        ),
        (lambda model: export.cluster(model, 1), "at least 2"),
        (lambda model: export.cluster(model, init="random"), "no init 'random'"),
        (lambda model: export.keep_clusters(model).__enter__(), "Call `export.cluster` first"),
    ],
)
def test_what_does_not_fit_is_said(compiled, call, said):
    with pytest.raises(export.InvalidInput, match=said):
        call(compiled())


def test_two_clusters_have_no_room_for_zero(compiled):
    model = compiled()
    export.prune(model, 0.5)
    with pytest.raises(export.InvalidInput, match="at least 3"):
        export.cluster(model, 2)


def test_a_model_that_can_not_be_stepped_is_refused(compiled, chain):
    raw = chain((4,), L.Dense(2, name="dense"))
    for model, said in (
        (raw, "not compiled"),
        (compiled(keras.optimizers.SGD(use_ema=True)), "use_ema=False"),
    ):
        with pytest.raises(export.InvalidInput, match=said), export.keep_sparsity(model):
            pass
    with pytest.raises(export.InvalidInput, match="give the compiled model"):
        export.prune(raw, 0.5)
        with export.keep_sparsity(raw, trainer=compiled()):
            pass


def test_compiling_within_the_block_is_told(compiled):
    model = compiled()
    with (
        pytest.raises(export.InvalidInput, match="compiled within the block"),
        export.pruning(model, 0.5, end=2),
    ):
        model.compile("sgd", "mse")


def test_mixed_precision_steps_are_changed_too(compiled, data):
    model = compiled(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0))
    export.prune(model, 0.5)
    before = [matrix(kernel) for kernel in kernels(model)]
    with export.keep_sparsity(model):
        fit(model, data)
    for old, kernel in zip(before, kernels(model), strict=True):
        np.testing.assert_array_equal(old == 0, matrix(kernel) == 0)
        assert (old != matrix(kernel)).any()
