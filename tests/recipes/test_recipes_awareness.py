"""A recipe fine-tuned with simulated integers: its run, its files, going on with it, and what is refused."""

import numpy as np
import pytest

import export
import recipes
import zoo
from recipes import aware, files, pipeline, registry, rundir, tasks
from recipes.errors import RecipeError
from recipes.training import tuning_integers

SHORT = {
    "epochs": 2,
    "awareness": {"epochs": 1, "steps": 1},
    "precisions": ("float32", "int8"),
    "calibration": 100,
}


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


SMALL = {"data": "digits", "features.image_size": [28, 28], "arguments.filters": 8, "arguments.shrunk": 4}


@pytest.mark.parametrize(
    ("name", "values"), [("lenet5_digits", {}), ("super_resolution_photographs", {**SMALL, "batch_size": 64})]
)
def test_the_table_of_what_it_is_worth_takes_a_finished_run(name, values, tmp_path, monkeypatch):
    monkeypatch.setattr(aware, "FILE", tmp_path / "aware.csv")
    first = recipes.run(name, out=tmp_path / "float", **{**SHORT, **values, "epochs": 1})
    aware.take_over(aware.measure(first.run, tmp_path / "tuned"))
    (row,) = aware.read()
    assert row["recipe"] == name
    assert float(row["within_one"]) >= 0.99
    assert name in aware.page()


def test_a_variational_autoencoder_is_fine_tuned_with_all_its_signatures(tmp_path):
    """Samples and divergences are in the training with integers too: without them the bound would be far off."""
    values = {
        "data": "digits",
        "quantization": "aware",
        "arguments.hidden": "dense",
        "arguments.code": 4,
        "arguments.units": 64,
        "evaluation.importance_samples": 5,
        "optimizer.learning_rate": 0.01,
    }
    values |= {**SHORT, "epochs": 8, "awareness": {"epochs": 2, "steps": 1}}
    result = recipes.run("vae_mnist", out=tmp_path / "run", **values)
    run, tuned = result.run, result.run.model()
    before, after = result.metrics["float_negative_elbo"], result.metrics["negative_elbo"]
    assert after < before + 1
    assert result.report.file("int8").metrics["negative_elbo"] < after + 1
    assert result.report.file("int8").verification.passed
    assert list(tuned.signatures) == ["reconstruct", "encode", "decode", "sample"]
    context = tasks.Context(run.recipe, pipeline.prepare(run.recipe))
    inputs = tasks.get("generation").signature_inputs(tuned, context.images(context.validation), run.recipe)
    for name in tuned.signatures:
        found = export.simulation(tuned, run.path / "export" / "int8.tflite", inputs[name], name)
        assert found.within_one >= 0.99, name
    history = files.read_csv(run.path / "awareness" / "history.csv")
    assert float(history[-1]["val_loss"]) > result.metrics["reconstruction_nats"] / 2


def test_every_recipe_can_be_fine_tuned():
    """Its architecture has a twin, as all that are registered have (see the tests of these), and nothing refuses it."""
    for name in recipes.names():
        recipe = registry.get(name, quantization="aware")
        assert recipe.model in zoo.list_models(), name
        tuning_integers.check(recipe)
        assert tuning_integers.second_part(recipe, 10**6).epochs >= recipe.awareness.epochs


def test_a_small_split_is_passed_more_often():
    recipe = registry.get("lenet5_digits", batch_size=64, awareness={"epochs": 3, "steps": 500})
    epochs = [tuning_integers.second_part(recipe, size).epochs for size in (10, 64, 64 * 20 + 7, 10**6)]
    assert epochs == [500, 500, 25, 3]


def test_classes_are_learnt_from_the_model_in_float(finished, tmp_path):
    """What is left to learn is what integers changed, much less than what the labels still say."""
    model, losses = rundir.load_model(finished.run.float_file), {}
    for share in (0.0, 1.0):
        values = {**SHORT, "awareness": {"epochs": 1, "steps": 1, "distillation": share}}
        run = rundir.create(
            tmp_path / str(share), registry.get("lenet5_digits", quantization="aware", **values)
        )
        tuning_integers.tune(run, model, pipeline.prepare(run.recipe))
        (row,) = files.read_csv(run.path / "awareness" / "history.csv")
        losses[share] = float(row["loss"])
    assert 0 <= losses[1.0] < 0.1 * losses[0.0]


def test_what_does_not_come_closer_to_the_model_in_float_is_not_kept(finished, tmp_path):
    """Far too high a rate: the twin stays what calibration made of the model."""
    values = {**SHORT, "awareness": {"epochs": 1, "steps": 1, "learning_rate": 1.0}}
    run = rundir.create(tmp_path / "run", registry.get("lenet5_digits", quantization="aware", **values))
    data, model, told = pipeline.prepare(run.recipe), rundir.load_model(finished.run.float_file), []
    tuned = tuning_integers.tune(run, model, data, lambda stage, *_: told.append(stage))
    context = tasks.Context(run.recipe, data)
    images, labels = context.images(context.validation), data.train.y[context.validation.indices]
    scores = [(m.predict(images, verbose=0).argmax(-1) == labels).mean() for m in (model, tuned)]
    assert scores[1] >= scores[0] - 0.02
    assert any("are kept" in stage for stage in told)


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
