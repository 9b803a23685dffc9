"""The norm of an encoder's Jacobian, against the one that automatic differentiation gives."""

import keras
import numpy as np
import pytest

import zoo
from zoo.layers.contraction import SLOPES, ContractiveDense

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="uses TensorFlow itself"
)


def inputs_of(n=5, width=7):
    return np.random.default_rng(0).normal(size=(n, width)).astype("float32")


def squared_norms(layer, inputs):
    """||J||² of each example, `(n,)`, by automatic differentiation."""
    import tensorflow as tf

    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=False)
    return np.square(tape.batch_jacobian(outputs, inputs).numpy().astype("float64")).sum(axis=(1, 2))


def added(layer, inputs):
    layer(inputs, training=True)
    (loss,) = layer.losses
    return float(loss)


@needs_tensorflow
@pytest.mark.parametrize("activation", SLOPES)
def test_one_layer_is_exact(activation):
    layer = ContractiveDense(6, 0.3, activation)
    inputs = inputs_of()
    layer(inputs)
    layer.dense[0].bias.assign(np.random.default_rng(1).normal(size=6))
    assert added(layer, inputs) == pytest.approx(0.3 * squared_norms(layer, inputs).mean(), rel=1e-4)


@needs_tensorflow
@pytest.mark.parametrize("activation", SLOPES)
def test_several_layers_are_estimated_without_bias(activation):
    """The mean of many draws is within four of its standard errors, and these are small."""
    layer = ContractiveDense((8, 6, 5), 1.0, activation, seed=3)
    inputs = inputs_of(n=400, width=7)
    exact = squared_norms(layer, inputs).mean()
    draws = np.array([added(layer, inputs) for _ in range(40)])
    error = draws.std(ddof=1) / np.sqrt(len(draws))
    assert error < 0.02 * exact
    assert abs(draws.mean() - exact) < 4 * error


@needs_tensorflow
def test_gradient_is_that_of_the_jacobian_s_norm():
    """By the kernel and the bias, through the derivative of the activation too."""
    import tensorflow as tf

    layer, inputs = ContractiveDense(4, 1.0), tf.constant(inputs_of())
    layer(inputs)
    with tf.GradientTape() as tape:
        layer(inputs, training=True)
        loss = layer.losses[0]
    found = tape.gradient(loss, [layer.dense[0].kernel.value, layer.dense[0].bias.value])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            outputs = layer(inputs)
        jacobian = inner.batch_jacobian(outputs, inputs)
        norm = tf.reduce_mean(tf.reduce_sum(jacobian**2, axis=(1, 2)))
    expected = outer.gradient(norm, [layer.dense[0].kernel.value, layer.dense[0].bias.value])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_more_directions_scatter_less():
    inputs = inputs_of(n=3)
    few, many = (ContractiveDense((6, 4), 1.0, directions=count, seed=0) for count in (1, 60))
    many(inputs), few(inputs)
    many.set_weights(few.get_weights())
    scatter = [np.std([added(layer, inputs) for _ in range(30)]) for layer in (few, many)]
    assert scatter[1] < 0.4 * scatter[0]


def test_seed_repeats_and_the_sequence_moves_on():
    inputs, layers = inputs_of(), [ContractiveDense((6, 4), seed=seed) for seed in (1, 1, 2)]
    for layer in layers:
        layer(inputs)
        layer.set_weights(layers[0].get_weights())
    one, same, other = layers
    first = added(one, inputs)
    assert first == added(same, inputs)
    assert first != added(one, inputs)
    assert first != added(other, inputs)


def test_is_dense_layers_and_adds_nothing_at_inference():
    layer, inputs = ContractiveDense((6, 4), activation="tanh"), inputs_of()
    outputs = layer(inputs)
    assert layer.losses == []
    x = inputs
    for kernel, bias in zip(layer.get_weights()[::2], layer.get_weights()[1::2], strict=True):
        x = np.tanh(x @ kernel + bias)
    np.testing.assert_allclose(outputs, x, atol=1e-6)
    np.testing.assert_allclose(layer(inputs, training=True), x, atol=1e-6)
    assert layer.compute_output_shape((None, 7)) == (None, 4)


@pytest.mark.parametrize("units", [5, (5, 3)])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_dtype_follows_the_policy(policy, units):
    layer = ContractiveDense(units, dtype=policy)
    outputs = layer(inputs_of(), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert {w.dtype for w in layer.trainable_weights} == {layer.variable_dtype}
    assert np.isfinite(float(layer.losses[0]))


def test_config_round_trip():
    layer = ContractiveDense((6, 4), 0.2, "relu", directions=3, seed=5, name="code")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, ContractiveDense)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    "given", [{"units": 0}, {"units": ()}, {"weight": -1.0}, {"activation": "elu"}, {"directions": 0}]
)
def test_refuses_arguments(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        ContractiveDense(**{"units": 4, **given})


def test_autoencoder_is_counted_saved_and_mirrored(tmp_path):
    model = zoo.create("contractive_autoencoder", input_shape=(5, 4, 1), code=6, hidden=(9,))
    assert zoo.describe(model).macs == 2 * (20 * 9 + 9 * 6)
    assert zoo.describe(model.decoder)["hidden1"].output_shape == (9,)
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).random((3, 5, 4, 1), dtype="float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("hidden", [(), (12,)])
def test_training_contracts(hidden, learn):
    """A larger weight leaves a smaller penalty behind, all else alike."""
    images = np.random.default_rng(0).random((64, 4, 4, 1), dtype="float32")
    left = []
    for weight in (1e-6, 1.0):
        keras.utils.set_random_seed(0)
        options = {"code": 10, "hidden": hidden, "weight": weight, "seed": 0}
        model = zoo.create("contractive_autoencoder", input_shape=(4, 4, 1), **options)
        model.compile(keras.optimizers.Adam(0.01), "mse")
        learn(model, images, 60)
        model.encoder(images, training=True)
        left.append(float(model.encoder.losses[0]) / weight)
    assert left[1] < 0.5 * left[0]


def test_autoencoder_refuses_activations():
    with pytest.raises(ValueError, match="activation="):
        zoo.create("contractive_autoencoder", activation="relu")
