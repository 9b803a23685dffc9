"""The k largest units of a code, the gradient that reaches them alone, and the way into integers."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.layers.k_sparse import KSparse

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="uses TensorFlow itself"
)


def codes_of_distinct_values(seed, n, units):
    rng = np.random.default_rng(seed)
    values = np.arange(units) - units / 2 + 0.25  # of both signs, and none is 0
    return rng.permuted(np.tile(values, (n, 1)), axis=1).astype("float32")


def largest(codes, k):
    """Row by row, by sorting."""
    kept = np.zeros_like(codes)
    for row, code in zip(kept, codes, strict=True):
        for unit in sorted(range(len(code)), key=lambda i: -code[i])[:k]:
            row[unit] = code[unit]
    return kept


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 9))
def test_keeps_the_k_largest(data, seed, n, units):
    k, more = sorted(data.draw(st.integers(1, units)) for _ in range(2))
    codes = codes_of_distinct_values(seed, n, units)
    layer = KSparse(k, more)
    np.testing.assert_array_equal(layer(codes, training=True), largest(codes, k))
    np.testing.assert_array_equal(layer(codes), largest(codes, more))


def test_as_many_at_inference_unless_told():
    codes = codes_of_distinct_values(0, 3, 8)
    np.testing.assert_array_equal(KSparse(3)(codes), KSparse(3)(codes, training=True))


def test_ties_stay_together():
    np.testing.assert_array_equal(KSparse(2)(np.float32([[5, 1, 3, 3]])), [[5, 0, 3, 3]])


@needs_tensorflow
@pytest.mark.parametrize("training", [False, True])
def test_gradient_reaches_what_is_kept_alone(training):
    import tensorflow as tf

    codes = tf.constant(codes_of_distinct_values(1, 6, 10))
    upstream = np.random.default_rng(0).normal(size=codes.shape).astype("float32")
    layer = KSparse(2, 5)
    with tf.GradientTape() as tape:
        tape.watch(codes)
        outputs = tf.reduce_sum(layer(codes, training=training) * upstream)
    kept = largest(codes.numpy(), 2 if training else 5) != 0
    np.testing.assert_array_equal(tape.gradient(outputs, codes), np.where(kept, upstream, 0))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_dtype_follows_the_policy(policy):
    layer = KSparse(2, dtype=policy)
    outputs = layer(codes_of_distinct_values(0, 2, 6))
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    expected = largest(codes_of_distinct_values(0, 2, 6), 2)
    np.testing.assert_array_equal(keras.ops.cast(outputs, "float32"), expected)


def test_config_round_trip():
    layer = KSparse(2, 5, name="largest")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, KSparse)
    assert copy.get_config() == layer.get_config()
    assert layer.compute_output_shape((None, 7)) == (None, 7)


@pytest.mark.parametrize("given", [{"k": 0}, {"k": 2.5}, {"k": 2, "inference_k": -1}])
def test_refuses_arguments(given):
    with pytest.raises(ValueError, match=f"{list(given)[-1]}="):
        KSparse(**given)


@pytest.mark.parametrize(("given", "name"), [((9,), "k=9"), ((2, 9), "inference_k=9")])
def test_refuses_to_keep_more_than_there_are(given, name):
    with pytest.raises(ValueError, match=f"{name}: there are 8 units"):
        KSparse(*given)(np.zeros((1, 8), "float32"))


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 6, 3), (40, 1)])
def test_autoencoder_codes_by_so_many_units(shape):
    model = zoo.create("k_sparse_autoencoder", input_shape=shape, code=30, k=4, inference_k=7)
    examples = np.random.default_rng(0).random((5, *shape), dtype="float32")
    assert (np.count_nonzero(model.encoder(examples), axis=1) == 7).all()
    assert (np.count_nonzero(model.encoder(examples, training=True), axis=1) == 4).all()
    assert model(examples).shape == examples.shape
    np.testing.assert_allclose(model.decoder(model.encoder(examples)), model(examples), atol=1e-6)


def test_offset_lowers_what_is_kept():
    sizes = {"input_shape": (6, 5, 1), "code": 30, "k": 4, "inference_k": 7}
    plain, lowered = (zoo.create("k_sparse_autoencoder", **sizes, offset=offset) for offset in (0, 0.75))
    lowered.set_weights(plain.get_weights())
    examples = np.random.default_rng(0).random((5, 6, 5, 1), dtype="float32")
    for training in (False, True):
        codes, lower = (np.asarray(m.encoder(examples, training=training)) for m in (plain, lowered))
        np.testing.assert_allclose(lower, np.where(codes == 0, 0, codes - 0.75), atol=1e-5)


def test_dropout_spoils_the_image_in_training_alone():
    sizes = {"input_shape": (6, 5, 1), "code": 30, "k": 4}
    model = zoo.create("k_sparse_autoencoder", **sizes, dropout=0.5)
    examples = np.random.default_rng(0).random((5, 6, 5, 1), dtype="float32")
    np.testing.assert_allclose(model(examples), model.decoder(model.encoder(examples)), atol=1e-6)
    spoilt = keras.Model(model.input, model.get_layer("image_dropout").output)
    np.testing.assert_array_equal(spoilt(examples), examples)
    lost = np.mean(np.asarray(spoilt(np.ones((400, 6, 5, 1), "float32"), training=True)) == 0)
    assert lost == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"k": 31}, "k=31"), ({"offset": -0.1}, "offset=-0.1"), ({"offset": float("nan")}, "offset=nan")]
    + [({"offset": "1"}, "offset='1'"), ({"dropout": 1.0}, "dropout=1.0")],
    ids=str,
)
def test_autoencoder_refuses_arguments(given, said):
    with pytest.raises(ValueError, match=said):
        zoo.create("k_sparse_autoencoder", code=30, **{"k": 4, **given})


@needs_tensorflow
def test_exports_in_integers_throughout():
    """In 8 bits the units that are kept are the same but for those as large as the k-th, to a step."""
    codes = keras.Input((40,), name="codes")
    model = keras.Model(codes, KSparse(6)(codes))
    data = np.random.default_rng(0).normal(size=(64, 40)).astype("float32")
    files = export.convert(model, ("float32", "int8", "int16x8"), calibration=[data])
    for precision, content in files.items():
        report = export.verify(model, content, [data], precision=precision)
        assert report.passed, report.problems
        assert not export.inspect(content).flex
    assert not export.inspect(files["int8"]).float_tensors
    exact, integers = (np.asarray(export.load(files[name])(data)) for name in ("float32", "int8"))
    np.testing.assert_allclose(exact, largest(data, 6), atol=1e-6)
    (signature,) = export.inspect(files["int8"]).signatures.values()
    step = signature.outputs[0].scale
    threshold = np.sort(data, axis=1)[:, -6:-5]
    clear = np.abs(data - threshold) > 2 * step
    assert clear.mean() > 0.9
    np.testing.assert_array_equal((integers != 0)[clear], (exact != 0)[clear])


@needs_tensorflow
def test_rounding_lets_another_unit_win_and_verification_knows():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((40,), name="inputs")
    model = keras.Model(inputs, KSparse(40)(keras.layers.Dense(400)(inputs)))
    data = np.random.default_rng(0).normal(size=(500, 40)).astype("float32")
    content = export.convert(model, ("float16",))["float16"]
    found, expected = (np.asarray(f(data)) != 0 for f in (export.load(content), model))
    assert 0 < np.mean(found != expected) < 1e-3
    report = export.verify(model, content, [data], precision="float16")
    assert report.passed, report.problems
