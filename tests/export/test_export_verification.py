"""The comparison with Keras passes what is right and fails what is wrong."""

import dataclasses

import keras
import numpy as np
import pytest

import export
from export.verification import BOUNDS


@pytest.mark.parametrize("precision", export.PRECISIONS)
def test_right_files_pass(net, precision):
    data = net.calibration
    found = export.verify(net.model, net.files[precision], data, net.signatures, precision)
    assert found.passed, found.problems
    assert found.unchecked == ()
    assert {a.samples for a in found.agreements} == {48}
    assert len(found.agreements) == sum(
        len(signature.outputs) for signature in export.inspect(net.files[precision]).signatures.values()
    )


def test_its_numbers_are_right(classifier):
    content = classifier.files["int8"]
    expected = classifier.model.predict(classifier.main, verbose=0)
    predict = export.load(content)
    error = predict(classifier.main) - expected
    (found,) = export.verify(classifier.model, content, [classifier.main]).agreements
    assert found.max_error == pytest.approx(np.abs(error).max(), rel=1e-4)
    assert found.rms_error == pytest.approx(np.sqrt(np.mean(error**2)) / expected.std(), rel=1e-3)
    agreeing = predict(classifier.main).argmax(1) == expected.argmax(1)
    assert found.same_class == pytest.approx(agreeing.mean())
    (target,) = predict.contents.signatures["serving_default"].outputs
    assert found.max_steps == round(
        np.abs(np.round(expected / target.scale) * target.scale - predict(classifier.main)).max()
        / target.scale
    )


def disturbed(model, share, seed=0):
    """A copy whose weights are off by a share of their size."""
    other = keras.models.clone_model(model)
    rng = np.random.default_rng(seed)
    other.set_weights([w * (1 + share * rng.standard_normal(w.shape)) for w in model.get_weights()])
    return other


@pytest.mark.parametrize(("precision", "share"), [("float32", 0.001), ("float16", 0.1), ("int8", 1.0)])
def test_files_of_another_model_fail(classifier, precision, share):
    other = disturbed(classifier.model, share)
    found = export.verify(other, classifier.files[precision], [classifier.main])
    assert not found.passed
    assert "'logits'" in found.problems[0]
    assert all(a.rms_error > BOUNDS[precision] for a in found.agreements)


def test_one_wrong_signature_is_named(coder):
    wrong = {**coder.signatures, "encode": disturbed(coder.signatures["encode"], 0.5)}
    found = export.verify(coder.model, coder.files["float32"], coder.calibration, wrong)
    assert len(found.problems) == 1
    assert "'encode'" in found.problems[0]


def test_an_unexpected_precision_fails(classifier):
    found = export.verify(classifier.model, classifier.files["float16"], [classifier.main], precision="int8")
    assert "the file is float16, expected int8" in found.problems


def test_an_output_of_another_shape_fails(classifier):
    last = classifier.model.layers[-2].output
    other = keras.Model(classifier.model.input, keras.layers.Dense(7, name="logits")(last))
    found = export.verify(other, classifier.files["float32"], [classifier.main])
    assert not found.passed
    assert "(5,)" in found.problems[0] and "(7,)" in found.problems[0]


def test_values_that_are_not_finite_fail(chain):
    model = chain((3,), keras.layers.Dense(2, name="dense"))
    content = export.to_tflite(model)
    model.get_layer("dense").kernel.assign(np.full((3, 2), np.inf))
    assert not export.verify(model, content, [np.ones((2, 3), np.float32)]).passed


def test_an_almost_constant_output_may_be_off_by_its_resolution(chain):
    """A sigmoid of tiny logits stays within a step of 1/256 of one half."""
    tiny = keras.initializers.RandomNormal(stddev=1e-3)
    model = chain((4,), keras.layers.Dense(3, kernel_initializer=tiny, activation="sigmoid"))
    data = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    (found,) = export.verify(model, export.to_tflite(model, "int8", [data]), [data]).agreements
    assert found.rms_error > BOUNDS["int8"]
    assert found.rms_error <= found.bound
    assert found.max_steps <= 1


def test_signatures_without_data_are_listed(coder):
    found = export.verify(coder.model, coder.files["float32"], [coder.main], coder.signatures)
    assert found.passed
    assert found.unchecked == ("encode", "decode")


def test_no_data_is_an_error(classifier):
    with pytest.raises(export.InvalidInput, match="at least one batch"):
        export.verify(classifier.model, classifier.files["float32"], [])


def test_it_can_not_be_changed(classifier):
    found = export.verify(classifier.model, classifier.files["float32"], [classifier.main])
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.problems = ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.agreements[0].rms_error = 0.0
