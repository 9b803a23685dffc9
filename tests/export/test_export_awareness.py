"""Training with simulated integers: what it simulates is what the file does."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import export
from export.awareness.ranges import ActivationRange

INPUT = (12, 10, 6)


def block(build, shape=INPUT):
    """A model of one block with random biases, and statistics where it normalises."""
    keras.utils.set_random_seed(1)
    image = keras.Input(shape, name="image")
    model = keras.Model(image, build(image), name="block")
    rng = np.random.default_rng(1)
    for variable in model.variables:
        if variable.path.endswith(("bias", "beta", "moving_mean")):
            variable.assign(rng.normal(0, 0.3, variable.shape))
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model


def conv_bn_relu(x):
    return layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(x)))


def separable(x):
    return layers.ReLU(6.0)(layers.SeparableConv2D(12, 3, padding="same")(x))


def branches(x):
    left = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return left, layers.Conv2D(8, 1)(x)


BLOCKS = {
    "convolution, batch norm, relu": conv_bn_relu,
    "strided convolution": lambda x: layers.Conv2D(8, 3, strides=2, padding="same")(x),
    "dilated convolution": lambda x: layers.Conv2D(8, 3, dilation_rate=2, padding="same")(x),
    "separable": separable,
    "depthwise": lambda x: layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")(x),
    "transposed, 16 channels": lambda x: layers.Conv2DTranspose(16, 3, strides=2, padding="same")(x),
    "transposed, 1 channel": lambda x: layers.Conv2DTranspose(1, 4, strides=2, padding="same")(x),
    "transposed, valid": lambda x: layers.Conv2DTranspose(12, 3, strides=2, padding="valid")(x),
    "1-D convolution": lambda x: layers.Conv1D(8, 3, padding="causal")(layers.Reshape((120, 6))(x)),
    "dense": lambda x: layers.Dense(64, activation="relu")(layers.Flatten()(x)),
    "add": lambda x: layers.ReLU()(layers.Add()(branches(x))),
    "subtract": lambda x: layers.Subtract()(branches(x)),
    "multiply": lambda x: layers.Multiply()(branches(x)),
    "concatenate": lambda x: layers.Concatenate()(branches(x)),
    "max pooling": lambda x: layers.MaxPooling2D(2)(x),
    "average pooling": lambda x: layers.AveragePooling2D(2)(x),
    "global pooling": lambda x: layers.GlobalAveragePooling2D()(x),
    "nearest upsampling": lambda x: layers.UpSampling2D()(x),
    "bilinear upsampling": lambda x: layers.UpSampling2D(interpolation="bilinear")(x),
    "padding and cropping": lambda x: layers.Cropping2D(2)(layers.ZeroPadding2D(3)(x)),
    "sigmoid": lambda x: layers.Activation("sigmoid")(layers.Conv2D(4, 1)(x)),
    "tanh": lambda x: layers.Activation("tanh")(layers.Conv2D(4, 1)(x)),
    "softmax": lambda x: layers.Softmax()(layers.Dense(10)(layers.Flatten()(x))),
    "hard swish": lambda x: layers.Activation("hard_swish")(layers.Conv2D(8, 3)(x)),
    "squeeze and excite": lambda x: layers.Multiply()(
        [x, layers.Dense(6, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))]
    ),
}


def images(count, shape=INPUT, seed=0):
    return np.random.default_rng(seed).normal(0.2, 1.0, (count, *shape)).astype("float32")


@pytest.mark.parametrize("build", BLOCKS.values(), ids=BLOCKS)
def test_the_file_of_a_trained_block_does_what_was_simulated(build):
    model = block(build)
    x = images(64)
    aware = export.quantization_aware(model, calibration=[x])
    aware.compile(keras.optimizers.Adam(1e-3), "mse", run_eagerly=True)
    for _ in range(2):
        aware.train_on_batch(x, np.asarray(model(x)) + 0.1)
    found = export.simulation(aware, export.to_tflite(aware, "int8"), [images(48, seed=2)])
    assert found.largest <= 1
    assert found.exact >= 0.995


def test_it_starts_where_the_quantised_model_is_and_learns():
    model, x = block(conv_bn_relu), images(128)
    aware = export.quantization_aware(model, calibration=[x])
    wanted = np.asarray(model(x)) * 0.7
    before = float(np.mean((np.asarray(aware(x)) / 0.7 - wanted / 0.7) ** 2))
    assert np.sqrt(np.mean((np.asarray(aware(x)) - np.asarray(model(x))) ** 2)) < 0.05
    aware.compile(keras.optimizers.Adam(1e-2), "mse")
    aware.fit(x, wanted, epochs=20, batch_size=32, verbose=0)
    after = float(np.mean((np.asarray(aware(x)) - wanted) ** 2))
    assert after < 0.1 * before


def test_the_int8_file_is_integers_throughout_and_others_have_the_trained_weights():
    model, x = block(conv_bn_relu), images(64)
    aware = export.quantization_aware(model, calibration=[x])
    aware.compile(keras.optimizers.Adam(1e-2), "mse")
    aware.fit(x, np.zeros_like(model(x)), epochs=3, verbose=0)
    files = export.convert(aware, ("float32", "float16", "int8"))
    assert export.inspect(files["int8"]).float_tensors == ()
    assert export.inspect(files["float32"]).precision == "float32"
    trained = np.asarray(aware(x))
    for content in files.values():
        assert np.sqrt(np.mean((export.load(content)(x) - trained) ** 2)) < 0.1 * trained.std() + 0.02


@pytest.mark.parametrize("ranges", ["moving_average", "learned"])
def test_without_calibration_the_first_batch_sets_the_ranges(ranges):
    model, x = block(conv_bn_relu), 5 * images(64)
    aware = export.quantization_aware(model, ranges=ranges)
    aware.compile(keras.optimizers.SGD(1e-6), "mse")
    aware.fit(x, np.asarray(model(x)), batch_size=64, verbose=0)
    error = np.asarray(aware(x)) - np.asarray(model(x))
    assert np.sqrt(np.mean(error**2)) < 0.05 * np.asarray(model(x)).std()


def test_learned_ranges_have_gradients_and_move():
    model, x = block(conv_bn_relu), images(64)
    aware = export.quantization_aware(model, calibration=[x], ranges="learned")
    held = [v for v in aware.trainable_variables if v.path.endswith(("low", "high"))]
    assert held
    before = [np.asarray(v) for v in held]
    aware.compile(keras.optimizers.Adam(1e-2), "mse")
    aware.fit(x, 0.3 * np.asarray(model(x)), epochs=2, verbose=0)
    assert any(np.abs(np.asarray(v) - old).max() > 1e-3 for v, old in zip(held, before, strict=True))


def test_it_is_saved_and_loaded(tmp_path):
    model, x = block(separable), images(32)
    aware = export.quantization_aware(model, calibration=[x])
    aware.save(tmp_path / "aware.keras")
    loaded = keras.saving.load_model(tmp_path / "aware.keras")
    np.testing.assert_array_equal(loaded(x), aware(x))
    assert export.to_tflite(loaded, "int8") == export.to_tflite(aware, "int8")


def test_int4_kernels_have_fifteen_values():
    model = block(lambda x: layers.Conv2D(8, 3, padding="same")(x), (16, 16, 8))
    x = images(32, (16, 16, 8))
    aware = export.quantization_aware(model, "int4", calibration=[x])
    layer = next(layer for layer in aware.layers if getattr(layer, "kernel", None) is not None)
    steps = np.asarray(layer.quantised_kernel() / layer.kernel_scale())
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert np.abs(steps).max() == pytest.approx(7, abs=1e-3)
    content = export.to_tflite(aware, "int4")
    assert export.inspect(content).precision == "int4"
    found = export.simulation(aware, content, [images(16, (16, 16, 8), seed=3)])
    assert found.exact >= 0.98
    assert found.largest <= 1


def test_sequential_models_and_several_inputs():
    small = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(3)])
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    aware = export.quantization_aware(small, calibration=[x])
    assert np.asarray(aware(x)).shape == (32, 3)
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Dense(2)(layers.Add()([a, b])))
    data = {"a": x[:, :4], "b": x[:, 4:]}
    aware = export.quantization_aware(model, calibration=[data])
    found = export.simulation(aware, export.to_tflite(aware, "int8"), [data])
    assert found.exact >= 0.995


def test_outputs_keep_their_names_whatever_their_order():
    image = keras.Input((8,), name="image")
    outputs = {"wide": layers.Dense(3)(image), "narrow": layers.Dense(3)(image)}
    model = keras.Model(image, outputs)
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    aware = export.quantization_aware(model, calibration=[x])
    for name, values in aware(x).items():
        np.testing.assert_allclose(values, model(x)[name], atol=0.1)


def test_bad_arguments_are_refused():
    model = block(conv_bn_relu)
    with pytest.raises(export.InvalidInput, match="int8 or int4"):
        export.quantization_aware(model, "int16x8")
    with pytest.raises(export.InvalidInput, match="moving_average"):
        export.quantization_aware(model, ranges="median")
    aware = export.quantization_aware(model)
    with pytest.raises(export.InvalidInput, match="already"):
        export.quantization_aware(aware)


def test_a_training_gone_wrong_is_not_exported():
    aware = export.quantization_aware(block(conv_bn_relu))
    kernel = next(v for v in aware.variables if v.path.endswith("kernel"))
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(export.InvalidInput, match="diverged"):
        export.to_tflite(aware, "int8")


@settings(max_examples=40, deadline=None)
@given(
    low=st.floats(-50, 0),
    width=st.floats(0.01, 100),
    values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50),
)
def test_rounding_to_a_range_is_that_of_the_specification(low, width, values):
    """Against NumPy in double precision: real = scale * (stored - zero point), both from the range."""
    layer = ActivationRange("fixed", dtype="float32")
    layer.build()
    layer.spread(low, low + width)
    low, high = min(np.float32(low), 0.0), max(np.float32(low + width), 0.0)
    scale = max(float(high - low), 1e-8) / 255
    zero = np.clip(np.round(-128 - low / scale), -128, 127)
    x = np.array(values, "float32")
    steps = np.clip(x / scale, -128 - zero, 127 - zero)
    rounded = np.asarray(layer(x)[0])
    near_half = np.abs(steps - np.floor(steps) - 0.5) < 1e-2
    np.testing.assert_allclose(
        rounded[~near_half], (np.round(steps) * scale)[~near_half], rtol=1e-4, atol=1e-2 * scale
    )


ON_JAX = """
import keras, numpy as np
import export, zoo
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(64, 8, 8, 2)).astype("float32")
model = keras.Sequential([
    keras.Input((8, 8, 2)), keras.layers.Conv2D(8, 3, padding="same"), keras.layers.BatchNormalization(),
    keras.layers.ReLU(), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4)])
aware = export.quantization_aware(model, calibration=[x])
aware.compile(keras.optimizers.Adam(1e-2), "mse")
losses = aware.fit(x, np.tile(x.mean((1, 2)), 2), epochs=8, verbose=0).history["loss"]
assert losses[-1] < losses[0], losses
content = export.to_tflite(aware, "int8")
found = export.simulation(aware, content, [x])
assert found.largest <= 1 and found.exact >= 0.995, found
assert export.verify(aware, content, [x]).passed
assert export.verify(model, export.to_tflite(model), [x]).passed

model = zoo.create("contractive_autoencoder", input_shape=(8,), code=3, hidden=(6,), seed=0)
x = x[:, 0].reshape(64, 16)[:, :8] / 8 + 0.5
parts, codes = model.signatures, np.asarray(model.encoder(x))
data = {"reconstruct": [x], "encode": [x], "decode": [codes]}
aware = export.quantization_aware(model, calibration=data, signatures=parts)
aware(x, training=True)
(price,) = aware.losses
model(x, training=True)
assert 0.2 < float(price) / float(model.losses[0]) < 5, price
aware.compile(keras.optimizers.Adam(1e-2), "mse")
losses = aware.fit(x, x, epochs=8, verbose=0).history["loss"]
assert losses[-1] < losses[0], losses
content = export.to_tflite(aware, "int8")
for name in parts:
    found = export.simulation(aware, content, data[name], name)
    assert found.largest <= 1 and found.exact >= 0.995, (name, found)
print("done", keras.backend.backend())
"""


def test_it_trains_and_exports_on_jax(jax_backend):
    environment = os.environ | jax_backend
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.split() == ["done", "jax"], done.stderr[-2000:]


def test_one_batch_can_not_blow_up_a_range():
    """As where a rounded variance of zero is divided by."""
    layer = ActivationRange(dtype="float32")
    layer.build()
    layer.spread(0.0, 1.0)
    layer(np.array([0.5, 1e6], "float32"), training=True)
    assert float(layer.high[0]) == pytest.approx(1.01)


def test_layer_normalisation_goes_on_learning():
    model = block(lambda x: layers.LayerNormalization()(layers.Conv2D(8, 3)(x)))
    x = images(64)
    x[:, :4] = 0.0  # nothing varies there
    aware = export.quantization_aware(model, calibration=[x])
    wanted = np.asarray(model(x))
    before = np.sqrt(np.mean((np.asarray(aware(x)) - wanted) ** 2))
    aware.compile(keras.optimizers.Adam(1e-4), "mse")
    aware.fit(x, wanted, epochs=10, batch_size=16, verbose=0)
    assert np.sqrt(np.mean((np.asarray(aware(x)) - wanted) ** 2)) < 1.1 * before


@keras.saving.register_keras_serializable("test")
class BesideConstant(layers.Layer):
    """What it takes, and beside it eight values between two ends."""

    def __init__(self, low, high, **options):
        super().__init__(**options)
        self.low, self.high = low, high

    def call(self, x):
        constant = np.linspace(self.low, self.high, 8, dtype="float32").reshape(1, 8)
        return keras.ops.concatenate([x, keras.ops.tile(constant, (keras.ops.shape(x)[0], 1))], axis=-1)


def test_constants_keep_their_values_where_scales_become_one():
    def build(x):
        shared = layers.Dense(8)(layers.Flatten()(x))
        return layers.Add()([layers.Dense(4)(BesideConstant(*ends)(shared)) for ends in ((-9, 27), (-36, 9))])

    model, x = block(build), images(64)
    assert "QUANTIZE" in export.inspect(export.to_tflite(model, "int8", [x])).operators
    aware = export.quantization_aware(model, calibration=[x])
    wanted, found = np.asarray(model(x)), np.asarray(aware(x))
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.05 * wanted.std()
