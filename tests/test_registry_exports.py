"""Every registered architecture exports at every precision: a new one is tested by existing."""

import numpy as np
import pytest

import export
import zoo
from zoo.registry import create_smallest


@pytest.fixture(scope="module", params=zoo.list_models())
def exported(request):
    """The smallest of an architecture with batch statistics of its data, its signatures, data and files."""
    model = create_smallest(request.param)
    rng = np.random.default_rng(0)
    inputs = rng.random((48, *model.input_shape[1:]), dtype="float32")
    if zoo.facts()[request.param].kind != "decoder":
        model(inputs, training=True)  # batch statistics that belong to these inputs
    signatures = getattr(model, "signatures", None)
    data = {name: inputs_of(part, inputs, rng) for name, part in (signatures or {"": model}).items()}
    calibration = data if signatures else data[""]
    files = export.convert(model, calibration=calibration, signatures=signatures)
    return model, signatures, calibration, files


def inputs_of(part, inputs, rng):
    """The images where a part takes images, else codes of unit variance."""
    if part.input_shape[1:] == inputs.shape[1:] and len(part.input_shape) == 4:
        return [inputs]
    return [rng.standard_normal((48, *part.input_shape[1:])).astype("float32")]


def test_every_precision_agrees_with_keras(exported):
    model, signatures, data, files = exported
    assert set(files) == set(export.PRECISIONS)
    for precision, content in files.items():
        report = export.verify(model, content, data, signatures, precision)
        assert report.passed, (precision, report.problems)
        assert not report.unchecked


def test_no_file_needs_more_than_litert(exported):
    *_, files = exported
    for content in files.values():
        contents = export.inspect(content)
        assert not contents.flex
        assert not contents.custom
        for signature in contents.signatures.values():
            assert {t.shape[0] for t in (*signature.inputs, *signature.outputs)} == {1}


def test_int8_is_integers_throughout(exported):
    *_, files = exported
    contents = export.inspect(files["int8"])
    assert contents.float_tensors == ()
    for signature in contents.signatures.values():
        assert {t.dtype for t in (*signature.inputs, *signature.outputs)} == {"int8"}


def test_smaller_precisions_give_smaller_files(exported):
    *_, files = exported
    sizes = {precision: len(content) for precision, content in files.items()}
    assert sizes["int8"] < sizes["float16"] < sizes["float32"]
