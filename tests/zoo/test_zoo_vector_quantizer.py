"""The codebook: nearest entries, the two distances and the gradient that is passed on."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.layers.vector_quantizer import VectorQuantizer


def layer_and_vectors(seed, shape, entries):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=shape).astype("float32")
    layer = VectorQuantizer(entries)
    layer.build(shape)
    layer.codebook.assign(rng.normal(size=(entries, shape[-1])))
    return layer, vectors


def nearest(vectors, codebook):
    """The number of the nearest entry, by all distances."""
    return np.square(vectors[..., None, :].astype(float) - codebook).sum(-1).argmin(-1)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 5),
    st.integers(1, 9),
)
def test_nearest_entry_and_its_distances(seed, sizes, width, entries):
    layer, vectors = layer_and_vectors(seed, (*sizes, width), entries)
    codebook = np.asarray(layer.codebook)
    chosen = nearest(vectors, codebook)
    np.testing.assert_array_equal(layer.indices(vectors), chosen)
    np.testing.assert_allclose(layer(vectors), codebook[chosen], rtol=1e-6)
    distance = np.square(vectors.astype(float) - codebook[chosen]).sum(-1).mean()
    assert sum(map(float, layer.losses)) == pytest.approx(1.25 * distance, rel=1e-4)
    np.testing.assert_allclose(layer(vectors, training=True), codebook[chosen], rtol=1e-5, atol=1e-6)


def test_the_first_of_equal_entries_is_chosen():
    layer, vectors = layer_and_vectors(0, (6, 3), 5)
    layer.codebook.assign(np.tile(vectors[:1], (5, 1)))
    np.testing.assert_array_equal(layer.indices(vectors), np.zeros(6))
    np.testing.assert_allclose(layer(vectors), np.tile(vectors[:1], (6, 1)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="records gradients with TensorFlow")
def test_gradients():
    """The output's goes to the input unchanged; the distances draw entry and vector to each other."""
    import tensorflow as tf

    layer, vectors = layer_and_vectors(1, (7, 4), 3)
    x, upstream = tf.constant(vectors), np.random.default_rng(2).normal(size=(7, 4)).astype("float32")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        passed = tf.reduce_sum(layer(x, training=True) * upstream)
        distances = sum(layer.losses)
    np.testing.assert_allclose(tape.gradient(passed, x), upstream, rtol=1e-6)
    assert tape.gradient(passed, layer.codebook.value) is None
    codebook = np.asarray(layer.codebook)
    chosen = nearest(vectors, codebook)
    towards = 2 * (vectors - codebook[chosen]) / len(vectors)
    np.testing.assert_allclose(tape.gradient(distances, x), 0.25 * towards, rtol=1e-4, atol=1e-6)
    expected = np.zeros_like(codebook)
    np.add.at(expected, chosen, -towards)
    np.testing.assert_allclose(tape.gradient(distances, layer.codebook.value), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    layer = VectorQuantizer(300, dtype=policy)
    vectors = np.random.default_rng(0).normal(size=(5, 2, 4)).astype("float32")
    outputs = layer(vectors, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert tuple(outputs.shape) == layer.compute_output_shape(vectors.shape)
    codebook = np.asarray(layer.codebook)
    found = np.asarray(keras.ops.cast(layer(vectors), "float32"))
    np.testing.assert_allclose(found, codebook[nearest(vectors, codebook)], rtol=0.02, atol=0.02)
    assert all(keras.backend.standardize_dtype(loss.dtype) == "float32" for loss in layer.losses)


def test_config_round_trip_and_bad_arguments():
    layer = VectorQuantizer(17, 0.5, name="codebook")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    assert (copy.entries, copy.commitment) == (17, 0.5)
    for wrong in ({"entries": 0}, {"entries": 1.5}, {"commitment": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            VectorQuantizer(**wrong)


def test_entries_come_to_where_the_vectors_are():
    """Four clusters, four entries: each ends up in the middle of one."""
    centres = np.array([[2, 2], [2, -2], [-2, 2], [-2, -2]], "float32")
    vectors = np.repeat(centres, 64, axis=0)
    vectors += np.random.default_rng(0).normal(0, 0.2, vectors.shape).astype("float32")
    inputs = keras.Input((2,))
    layer = VectorQuantizer(4)
    model = keras.Model(inputs, layer(inputs))
    layer.codebook.assign(0.3 * centres)
    model.compile(keras.optimizers.Adam(0.1), lambda y, p: 0 * keras.ops.mean(p, axis=-1))
    for _ in range(80):
        model.train_on_batch(vectors, vectors)
    np.testing.assert_allclose(np.asarray(layer.codebook), centres, atol=0.15)


@pytest.mark.parametrize("spread", [1, 8])
@pytest.mark.parametrize(("entries", "share"), [(16, 0.95), (255, 0.85)])
def test_integers_choose_as_floats_do(entries, share, spread):
    """But for vectors halfway between two entries; the wider the distances, the more of them in one step."""
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 6), name="image")
    layer = VectorQuantizer(entries)
    model = keras.Model(image, layer(image))
    layer.codebook.assign(spread * np.asarray(layer.codebook))
    vectors = spread * np.random.default_rng(0).normal(size=(48, 4, 4, 6)).astype("float32")
    codebook, expected = np.asarray(layer.codebook), np.asarray(layer.indices(vectors))
    for precision, least in (("float32", 1.0), ("int8", share)):
        content = export.to_tflite(model, precision, calibration=[vectors])
        contents = export.inspect(content)
        assert not contents.flex
        assert precision == "float32" or not contents.float_tensors
        assert np.mean(nearest(export.load(content)(vectors), codebook) == expected) >= least


def test_integers_round_a_distance_once():
    """The square of an entry is the bias of its product with the vectors: no addition rounds it again."""
    image = keras.Input((4, 4, 6), name="image")
    model = keras.Model(image, VectorQuantizer(16)(image))
    vectors = np.random.default_rng(0).normal(size=(8, 4, 4, 6)).astype("float32")
    operators = export.inspect(export.to_tflite(model, "int8", calibration=[vectors])).operators
    assert operators["FULLY_CONNECTED"] == 2
    assert not {"ADD", "SUB"} & set(operators)


def test_model_tells_its_codebook_and_indices():
    keras.utils.set_random_seed(0)
    model = zoo.create("vq_vae", input_shape=(16, 12, 1), filters=(4, 6), width=3, entries=11)
    images = np.random.default_rng(0).random((5, 16, 12, 1), dtype="float32")
    indices = model.indices(images)
    assert indices.shape == (5, 4, 3)
    assert model.codebook.shape == (11, 3)
    np.testing.assert_array_equal(indices, nearest(np.asarray(model.encoder(images)), model.codebook))
    np.testing.assert_allclose(model.decoder(model.codebook[indices]), model(images), atol=1e-5)
    assert set(model.signatures) == {"reconstruct", "encode", "decode"}
