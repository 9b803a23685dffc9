"""Several signatures trained with simulated integers: every one of the file does what its model does."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import export
from export.awareness import aligning, weights
from export.flatbuffer import parse, serialise


@keras.saving.register_keras_serializable("test")
class Sampling(layers.Layer):
    """As in a variational autoencoder: a draw in training, the mean in a file, and a price."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, mean, log_variance, training=False):
        self.add_loss(ops.mean(ops.square(mean) + ops.exp(log_variance) - log_variance - 1))
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(log_variance / 2) * noise

    def compute_output_shape(self, mean_shape, log_variance_shape):
        return mean_shape


@keras.saving.register_keras_serializable("test")
class Cheap(layers.Layer):
    """Hands its input on for a price."""

    def call(self, x, training=False):
        if training:
            self.add_loss(ops.mean(ops.abs(x)))
        return x

    def compute_output_shape(self, shape):
        return shape


@keras.saving.register_keras_serializable("test")
class SmallWeights(layers.Layer):
    """A product whose weights have a price of their own."""

    def build(self, shape):
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], 6))

    def call(self, x, training=False):
        if training:
            self.add_loss(ops.sum(ops.square(self.kernel)))
        return ops.matmul(x, self.kernel)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 6)


@keras.saving.register_keras_serializable("test")
class Noisy(layers.Layer):
    """A logistic function behind noise."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        if training:
            x = x + 4 * keras.random.normal(ops.shape(x), seed=self.seed_generator)
        return ops.sigmoid(x)

    def compute_output_shape(self, shape):
        return shape


def variational(middle=None):
    """An autoencoder of dense layers whose parts are signatures; `middle` stands in front of its decoder."""
    keras.utils.set_random_seed(3)
    image = keras.Input((6, 6, 1), name="image")
    x = layers.Dense(24, activation="relu", name="hidden")(layers.Flatten()(image))
    x = Cheap(name="cheap")(x)
    # Not in the order of the alphabet, in which Keras flattens them.
    said = {"mean": layers.Dense(4, name="mean")(x), "log_variance": layers.Dense(4, name="log_variance")(x)}
    encoder = keras.Model(image, said, name="encoder")
    code = keras.Input((4,), name="code")
    x = layers.Dense(36)(layers.Dense(16, activation="relu")(code))
    decoder = keras.Model(code, layers.Reshape((6, 6, 1))(x), name="decoder")
    image = keras.Input((6, 6, 1), name="image")
    latent = Sampling(name="sampling")(**encoder(image))
    pixels = layers.Activation("sigmoid", name="pixels")(decoder(middle(latent) if middle else latent))
    whole = keras.Model(image, pixels, name="variational")
    noise = keras.Input((4,), name="noise")
    sample = keras.Model(noise, layers.Activation("sigmoid", name="pixels")(decoder(noise)), name="sample")
    return {"reconstruct": whole, "encode": encoder, "decode": decoder, "sample": sample}


def data_for(signatures, count=64, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.random((count, 6, 6, 1), np.float32)
    codes = np.asarray(signatures["encode"](images)["mean"])
    noise = rng.standard_normal((count, 4)).astype("float32")
    return {"reconstruct": [images], "encode": [images], "decode": [codes], "sample": [noise]}


@pytest.fixture(scope="module")
def trained():
    """A model of four signatures, fine-tuned for a few steps, with its int8 file and the original."""
    signatures = variational()
    data = data_for(signatures)
    aware = export.quantization_aware(
        signatures["reconstruct"], calibration=data, signatures=signatures, ranges="learned"
    )
    aware.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy")
    images = data["reconstruct"][0]
    aware.fit(images, images, batch_size=16, epochs=3, verbose=0)
    return signatures, aware, export.to_tflite(aware, "int8"), data_for(signatures, seed=1)


def test_every_signature_of_the_file_does_what_its_model_does(trained):
    signatures, aware, content, data = trained
    assert list(aware.signatures) == list(signatures)
    for name in signatures:
        found = export.simulation(aware, content, data[name], name)
        assert found.largest <= 1, name
        assert found.exact >= 0.995, name
    assert export.verify(aware, content, data, aware.signatures).passed
    assert export.inspect(content).float_tensors == ()


def test_what_was_trained_is_in_all_signatures_and_in_the_float_file(trained):
    signatures, aware, content, data = trained
    files = export.convert(aware, ("float32", "int8"))
    assert files["int8"] == content
    assert len(content) < len(export.to_tflite(variational()["decode"], "float32")) + 16_000
    for name, (x,) in data.items():
        tuned = export.load(files["float32"])(x, name)
        now, before = (
            part if isinstance(part, dict) else {"": part} for part in (tuned, signatures[name](x))
        )
        for key, values in now.items():
            simulated = aware.signatures[name](x)
            simulated = np.asarray(simulated[key] if key else simulated)
            moved = np.sqrt(np.mean((values - np.asarray(before[key])) ** 2))
            assert np.sqrt(np.mean((values - simulated) ** 2)) < 0.3 * moved


def test_what_acts_in_training_goes_on_acting():
    signatures = variational()
    data = data_for(signatures)
    aware = export.quantization_aware(signatures["reconstruct"], calibration=data, signatures=signatures)
    (x,) = data["reconstruct"]
    whole = signatures["reconstruct"]
    prices = {}
    for model in (whole, aware):
        for training in (True, False):
            first = np.asarray(model(x, training=training))
            again = np.asarray(model(x, training=training))
            assert np.array_equal(first, again) != training  # drawn anew, or not at all
            prices[model is aware, training] = sum(map(float, model.losses))
    for training in (True, False):
        assert prices[True, training] == pytest.approx(prices[False, training], rel=0.05)
    with pytest.raises(AttributeError, match="there_is_none"):
        _ = aware.there_is_none


def test_penalties_reach_the_weights_that_go_into_the_file():
    image, code = keras.Input((8,), name="image"), keras.Input((6,), name="code")
    encoder = keras.Model(image, Noisy(name="noisy")(SmallWeights(name="small")(image)), name="encoder")
    decoder = keras.Model(code, layers.Dense(8, name="pixels")(code), name="decoder")
    whole = keras.Model(image, decoder(encoder(image)), name="whole")
    signatures = {"reconstruct": whole, "encode": encoder, "decode": decoder}
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    data = {"reconstruct": [x], "encode": [x], "decode": [np.asarray(encoder(x))]}
    aware = export.quantization_aware(whole, calibration=data, signatures=signatures)
    kernel = next(v for v in aware.trainable_variables if v.shape == (6, 8))
    before = np.asarray(kernel)
    aware(x, training=True)
    np.testing.assert_allclose(float(sum(aware.losses)), np.sum(before**2), rtol=0.02)
    aware.compile(keras.optimizers.SGD(0.05), lambda y, p: 0.0 * ops.mean(p, axis=-1))
    aware.fit(x, x, batch_size=64, verbose=0)
    np.testing.assert_allclose(np.asarray(kernel), before * (1 - 2 * 0.05), atol=0.02 * np.abs(before).max())
    found = export.simulation(aware, export.to_tflite(aware, "int8"), [x], "encode")
    assert found.largest <= 1


def test_several_signatures_are_saved_and_loaded(trained, tmp_path):
    _, aware, content, data = trained
    aware.save(tmp_path / "aware.keras")
    loaded = keras.saving.load_model(tmp_path / "aware.keras")
    assert export.to_tflite(loaded, "int8") == content
    assert len(loaded.trainable_variables) == len(aware.trainable_variables)
    (x,) = data["reconstruct"]
    np.testing.assert_array_equal(loaded(x), aware(x))
    loaded.compile(keras.optimizers.SGD(0.1), "mse")
    loaded.train_on_batch(x, x)
    again = export.to_tflite(loaded, "int8")
    assert export.simulation(loaded, again, data["decode"], "decode").largest <= 1


def test_ranges_of_several_signatures_never_cut_off_what_the_calibration_had():
    signatures = variational()
    data = data_for(signatures)
    aware = export.quantization_aware(signatures["reconstruct"], calibration=data, signatures=signatures)
    ends = {end: [v for v in aware.trained.variables if v.path.endswith(end)] for end in ("/low", "/high")}
    assert all(ends.values())
    before = {end: [np.asarray(v) for v in held] for end, held in ends.items()}
    aware.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy")
    images = data["reconstruct"][0]
    aware.fit(0.1 * images, images, batch_size=16, epochs=3, verbose=0)
    aware.fit(4.0 * images, images, batch_size=16, epochs=3, verbose=0)
    for end, sign in (("/low", -1), ("/high", 1)):
        moved = [sign * (np.asarray(v) - old) for v, old in zip(ends[end], before[end], strict=True)]
        assert min(np.min(by) for by in moved) >= 0
    assert max(np.max(by) for by in moved) > 0.1


def test_some_of_the_signatures_go_into_a_file(trained):
    _, aware, content, data = trained
    part = {"encode": aware.signatures["encode"]}
    alone = export.to_tflite(aware, "int8", signatures=part)
    assert list(export.inspect(alone).signatures) == ["encode"]
    assert len(alone) < len(content)
    assert export.verify(aware, alone, {"encode": data["encode"]}, part).passed


def test_a_bias_that_was_moved_behind_the_next_product_is_moved_back():
    """As the converter moves offsets of normalisations where a product follows in the same graph."""
    image, code = keras.Input((8,), name="image"), keras.Input((5,), name="code")
    options = {"bias_initializer": keras.initializers.RandomNormal(seed=0)}
    encoder = keras.Model(image, layers.Dense(5, name="first", **options)(image), name="encoder")
    decoder = keras.Model(code, layers.Dense(4, name="second", **options)(code), name="decoder")
    whole = keras.Model(image, decoder(encoder(image)), name="whole")
    signatures = {"reconstruct": whole, "encode": encoder, "decode": decoder}
    straight = export.to_tflite(whole, signatures=signatures)
    parsed = parse(straight)
    first, second = weights.of(parsed, "reconstruct")
    before = weights.of(parsed, "encode").popitem()[1]["bias"]
    kernel, after = weights.of(parsed, "decode").popitem()[1].values()
    place = int(
        parsed.signatureDefs[
            [e.signatureKey for e in parsed.signatureDefs].index(b"reconstruct")
        ].subgraphIndex
    )
    parsed.subgraphs[place].operators[0].inputs[2] = -1
    weights.write(parsed, "reconstruct", {second: {"bias": after + kernel @ before}})
    moved = serialise(parsed)
    x = np.random.default_rng(0).random((4, 8), np.float32)
    for content in (straight, moved, aligning.aligned(moved, ["encode", "decode"])):
        np.testing.assert_allclose(export.load(content)(x, "reconstruct"), whole(x), atol=1e-5)
    back = weights.of(parse(aligning.aligned(moved, ["encode", "decode"])), "reconstruct")
    np.testing.assert_array_equal(back[first]["bias"], before)
    np.testing.assert_array_equal(back[second]["bias"], after)


def test_models_that_cannot_be_fine_tuned_are_refused_with_a_remedy():
    signatures = variational()
    data = data_for(signatures)
    with pytest.raises(export.InvalidInput, match="calibration"):
        export.quantization_aware(signatures["reconstruct"], signatures=signatures)
    with pytest.raises(export.InvalidInput, match="sample"):
        export.quantization_aware(
            signatures["reconstruct"],
            calibration={name: data[name] for name in ("reconstruct", "encode", "decode")},
            signatures=signatures,
        )
    between = variational(layers.Dense(4, name="between"))
    with pytest.raises(export.InvalidInput, match="'between'.*signature of its own"):
        export.quantization_aware(between["reconstruct"], calibration=data_for(between), signatures=between)
