"""A recipe fine-tuned with simulated integers: its run, its files, going on with it, and what is refused."""

import numpy as np
import pytest

import export
import recipes
from recipes import aware, pipeline, registry, rundir
from recipes.errors import RecipeError

SHORT = {"epochs": 2, "awareness": {"epochs": 1}, "precisions": ("float32", "int8"), "calibration": 100}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aware") / "run"
    return recipes.run("lenet5_digits", out=folder, quantization="aware", **SHORT)


def test_the_run_holds_both_models_and_says_how_good_each_is(finished):
    run = finished.run
    assert run.float_file.exists()
    assert export.simulation is not None
    assert {"accuracy", "float_accuracy"} <= set(finished.metrics)
    assert (run.path / "awareness" / "history.csv").exists()
    assert len(run.history()) == 2


def test_the_int8_file_is_the_simulated_model(finished):
    data = pipeline.prepare(finished.run.recipe)
    images = np.asarray(data.test.x[:100], "float32").reshape(-1, *finished.run.model().input_shape[1:])
    images /= max(1.0, images.max())
    file = finished.run.path / "export" / "int8.tflite"
    found = export.simulation(finished.run.model(), file, [images])
    assert found.within_one >= 0.99
    assert found.same_class >= 0.998
    assert finished.report.file("int8").verification.passed


def test_a_killed_second_part_goes_on_from_the_trained_model(finished, tmp_path):
    recipe = registry.get("lenet5_digits", quantization="aware", **SHORT)
    again = rundir.create(tmp_path / "again", recipe)
    again.float_file.write_bytes(finished.run.float_file.read_bytes())
    pipeline.train(again)
    assert again.history() == []  # the first part was not trained once more
    for a, b in zip(again.model().get_weights(), finished.run.model().get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_table_of_what_it_is_worth_takes_a_finished_run(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(aware, "FILE", tmp_path / "aware.csv")
    first = recipes.run("lenet5_digits", out=tmp_path / "float", **{**SHORT, "epochs": 1})
    aware.take_over(aware.measure(first.run, tmp_path / "tuned"))
    (row,) = aware.read()
    assert row["recipe"] == "lenet5_digits"
    assert float(row["within_one"]) >= 0.99
    assert "lenet5_digits" in aware.page()


def test_models_of_several_signatures_are_refused_before_anything_is_written(tmp_path):
    recipe = registry.get("autoencoder_mnist", data="digits", quantization="aware")
    with pytest.raises(RecipeError, match="signature"):
        pipeline.start(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_precision_that_is_not_exported_is_refused(tmp_path):
    recipe = registry.get("lenet5_digits", quantization="aware", awareness={"precision": "int4"})
    with pytest.raises(RecipeError, match="precisions"):
        pipeline.start(recipe, tmp_path / "run")


def test_zeros_and_shared_values_stay_in_the_fine_tuned_file(tmp_path):
    values = {**SHORT, "epochs": 5, "pruning": {"sparsity": 0.6}, "clustering": {"clusters": 16}}
    result = recipes.run("lenet5_digits", out=tmp_path / "run", quantization="aware", **values)
    weights = export.weigh(result.run.path / "export" / "int8.tflite")
    assert weights.zeros >= 0.59
    assert max(tensor.values for tensor in weights.tensors) <= 16
