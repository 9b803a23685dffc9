"""Every registered architecture exports at every precision: a new one is tested by existing."""

import keras
import pytest

import export
import zoo
from export import flatbuffer
from export.awareness import integer_file
from export.awareness.finding import first_rows
from export.awareness.making import integer_source, twin
from export.awareness.several import QuantizedSignatures, models_within, planned, source_of
from export.signatures import DEFAULT, named_models
from recipes.untrained import inputs_of
from zoo.registry import create_smallest


@pytest.fixture(scope="module", params=zoo.list_models())
def exported(request):
    """The smallest of an architecture with batch statistics of its data, its signatures, data and files."""
    keras.utils.set_random_seed(0)
    model = create_smallest(request.param)
    data = inputs_of(model, 48)
    signatures = getattr(model, "signatures", None)
    return model, signatures, data, export.convert(model, calibration=data, signatures=signatures)


def test_every_precision_agrees_with_keras(exported):
    model, signatures, data, files = exported
    assert set(files) == set(export.DEFAULT_PRECISIONS)
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


def test_int8_does_what_its_quantisation_aware_twin_simulates(exported):
    _, signatures, data, _ = exported
    aware = _aware(*exported)
    content = integer_file(aware)
    for name, batches in data.items() if signatures else [(DEFAULT, data)]:
        found = export.simulation(aware, content, batches, name)
        assert found.within_one >= 0.99, name
        if found.same_class is not None:
            assert found.same_class >= 0.998, name


def _aware(model, signatures, data, files):
    """The quantisation-aware twin of a model, made from the files that are there."""
    if not signatures:
        source = integer_source(files["float32"])
        return twin(named_models(model)[DEFAULT], source, files["int8"], "int8", DEFAULT)
    parts, within = named_models(model, signatures), models_within(signatures)
    source = source_of(files["float32"], parts, within)
    rows = {name: first_rows(data[name], part) for name, part in parts.items()}
    return QuantizedSignatures(planned(parts, within, source, files["int8"], rows))


def test_int8_is_integers_throughout(exported):
    *_, files = exported
    contents = export.inspect(files["int8"])
    assert contents.float_tensors == ()
    for name, signature in export.inspect(files["float32"]).signatures.items():
        integers = contents.signatures[name]
        assert {t.dtype for t in integers.outputs} == {"int8"}
        # Class numbers stay what they are.
        expected = {t.name: "int8" if t.dtype == "float32" else t.dtype for t in signature.inputs}
        assert {t.name: t.dtype for t in integers.inputs} == expected


def test_smaller_precisions_give_smaller_weights(exported):
    """Of kernels; a scale for each channel can weigh more than a net as small as these."""
    *_, files = exported
    sizes = {precision: kernel_bytes(content) for precision, content in files.items()}
    assert sizes["int8"] < 0.3 * sizes["float32"]
    assert sizes["float16"] < 0.6 * sizes["float32"]


def kernel_bytes(content):
    """The bytes of all constants of two or more axes; shared ones count once."""
    model = flatbuffer.parse(content)
    kernels = {
        tensor.buffer: values.nbytes
        for graph in model.subgraphs
        for tensor in graph.tensors
        if (values := flatbuffer.constant(model, tensor)) is not None and values.ndim > 1
    }
    return sum(kernels.values())
