"""The values `pruning`, `clustering` and `distillation` of a recipe, from training to the files."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import recipes
from recipes import pipeline, registry, rundir
from recipes.compressing import Distillation
from recipes.errors import RecipeError
from recipes.training import teaching
from recipes.training.trainee import Trainee

SMALL = {"batch_size": 256, "epochs": 4}
PRUNED = {"pruning.sparsity": 0.5, "pruning.pattern": "2:4", "pruning.begin": 0.0, "pruning.end": 0.4}
BOTH = {**SMALL, **PRUNED, "pruning.every": 2, "clustering.clusters": 16, "clustering.begin": 0.5}


class Killed(Exception):
    """Where a test ends a training."""


def killed_after(epoch):
    def progress(stage, done, total):
        if stage.startswith(f"epoch {epoch}/"):
            raise Killed

    return progress


def weights(run):
    return [np.asarray(weight) for weight in run.model().weights]


@pytest.fixture(scope="module")
def compressed(tmp_path_factory):
    """The result of a recipe that is pruned and clustered."""
    out = tmp_path_factory.mktemp("compressed") / "run"
    return recipes.run("lenet5_digits", out=out, precisions=["float32", "int8"], **BOTH)


def test_zeros_and_values_reach_the_files_and_the_report(compressed):
    for file in compressed.report.files:
        assert file.weights.zeros == pytest.approx(0.5, abs=0.005)
        assert all(tensor.most_of_four == 2 for tensor in file.weights.tensors)
        assert all(tensor.channel_values <= 16 for tensor in file.weights.tensors)
        assert file.weights.zip_bytes < file.contents.bytes
    assert all(tensor.values <= 16 for tensor in compressed.report.file("int8").weights.tensors)
    text = (compressed.run.path / "export" / "report.md").read_text()
    assert "`int8.tflite`: 50% of its weights are zero; 5 of 5 kernels" in text
    assert "zipped" in text


@pytest.mark.parametrize("epoch", [3, 4])
def test_killed_run_prunes_and_clusters_as_if_it_had_run_through(compressed, tmp_path, epoch):
    """Killed while it clusters, and before the model is written."""
    run = pipeline.start(
        registry.get("lenet5_digits", precisions=["float32", "int8"], **BOTH), tmp_path / "run"
    )
    with pytest.raises(Killed):
        pipeline.train(run, killed_after(epoch))
    assert len(run.history()) == epoch
    pipeline.train(run)
    assert run.history() == compressed.run.history()
    for resumed, straight in zip(weights(run), weights(compressed.run), strict=True):
        np.testing.assert_array_equal(resumed, straight)


def test_simulated_integers_keep_what_training_made(tmp_path):
    values = {**BOTH, "quantization": "aware", "awareness.epochs": 1, "awareness.steps": 1, "precisions": ["float32", "int8"]}
    result = recipes.run("lenet5_digits", out=tmp_path / "run", **values)
    weights = result.report.file("int8").weights
    assert weights.zeros == pytest.approx(0.5, abs=0.005)
    assert all(tensor.most_of_four == 2 for tensor in weights.tensors)
    assert all(tensor.values <= 16 for tensor in weights.tensors)


@pytest.mark.parametrize("classes", [True, False])
def test_soft_loss_by_hand(classes):
    """Hinton et al., 2015, section 2: softened by T, times T squared, beside the loss on the labels."""
    rng = np.random.default_rng(0)
    output, taught = rng.normal(size=(2, 5, 3)).astype(np.float32)
    lesson = teaching.Teaching(None, Distillation(teacher="x", temperature=3.0, weight=0.25), classes)
    p, log_q = softmax(taught / 3, -1), log_softmax(output / 3, -1)
    soft = 9 * (p * (log_softmax(taught / 3, -1) - log_q)).sum(-1).mean()
    if not classes:
        soft = np.square(output - taught).sum(-1).mean()
    found = float(lesson.loss(2.5, 0.5, output, taught))
    assert found == pytest.approx(0.75 * 2.0 + 0.25 * soft + 0.5, rel=1e-5)


def test_teacher_sees_the_same_images_and_stays_as_it_is():
    keras.utils.set_random_seed(0)
    student, teacher = (
        keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, name=name)])
        for name in ("student", "teacher")
    )
    before = [np.asarray(weight) for weight in teacher.weights]
    lesson = teaching.Teaching(teacher, Distillation(teacher="x", weight=1.0), classes=True)
    trainee = Trainee(student, [keras.layers.GaussianNoise(0.5, seed=1)], teaching=lesson)
    trainee.compile(keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.random.default_rng(0).random((64, 4, 4, 1), np.float32)
    seen = trainee(x, training=True)
    noisy = np.asarray(seen["taught"]) - np.asarray(teacher(x))
    assert np.abs(noisy).max() > 0.1
    trainee.fit(x, np.zeros(64), epochs=60, verbose=0)
    assert len(trainee.variables) == len(student.variables) + 1  # the noise's random state
    for old, weight in zip(before, teacher.weights, strict=True):
        np.testing.assert_array_equal(old, weight)
    difference = np.asarray(student(x) - teacher(x))
    assert np.abs(difference - difference.mean(1, keepdims=True)).max() < 0.1


def test_teacher_is_trained_first_and_the_student_the_same_twice(tmp_path):
    """A run of the teacher that was begun is finished; one that is there is used as it is."""
    begun = registry.get("lenet5_digits", **{**SMALL, "epochs": 1})
    teacher = pipeline.start(begun, tmp_path / "lenet5_digits-seed0")
    told, ends = [], []
    values = {**SMALL, "epochs": 1, "distillation.teacher": "lenet5_digits", "distillation.weight": 1.0}
    for out in ("first", "second"):
        run = rundir.create(tmp_path / out, registry.get("lenet5_digits", **values))
        pipeline.train(run, lambda stage, done, total: told.append(stage))
        ends.append(weights(run))
    assert teacher.trained
    assert f"the teacher: {teacher.path}" in told
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


def test_teacher_may_be_a_directory(compressed, tmp_path, monkeypatch):
    monkeypatch.chdir(compressed.run.path.parent)
    recipe = registry.get("lenet5_digits", **{**SMALL, "epochs": 1, "distillation.teacher": "run"})
    run = pipeline.start(recipe, tmp_path / "student")
    assert run.recipe.distillation.teacher == str(compressed.run.path)
    monkeypatch.chdir(tmp_path)
    pipeline.train(run)
    assert run.trained


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pruning.sparsity": 1.0}, "pruning.sparsity=1.0: expected `float` < 1.0"),
        ({"pruning.sparsity": 0.5, "pruning.pattern": "two"}, "no pattern 'two'"),
        ({"pruning.sparsity": 0.8, "pruning.pattern": "2:4"}, "has a sparsity of 0.5"),
        ({"pruning.sparsity": 0.5, "pruning.begin": 0.9}, "is after pruning.end"),
        ({"pruning.sparsity": 0.5, "pruning.skip": "nothing"}, "matches 'nothing'"),
        ({"pruning.sparsity": 0.5, "clustering.clusters": 16, "clustering.begin": 0.1}, "before pruning.end"),
        ({"clustering.clusters": 1}, "give at least 2"),
        ({"pruning.sparsity": 0.5, "clustering.clusters": 2}, "give at least 3"),
        ({"pruning.sparsity": 0.5, "regularization.early_stopping": 3}, "early_stopping"),
        ({"distillation.teacher": "lenet5_digit"}, "Did you mean 'lenet5_digits'"),
        ({"distillation.teacher": "lenet5_mnist"}, "data is mnist, that of this recipe is digits"),
        ({"distillation.teacher": "lenet5_digits"}, "lenet5_digits is taught by lenet5_digits"),
        ({"distillation.teacher": "lenet5_digits", "task": "representation"}, "task=representation"),
        ({"distillation.temperature": 0}, "distillation.temperature=0"),
    ],
)
def test_values_that_do_not_fit_are_said_before_anything_is_written(tmp_path, values, said):
    with pytest.raises(RecipeError, match=said):
        pipeline.start(registry.get("lenet5_digits", **values), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_teacher_of_other_outputs_is_refused():
    wide, narrow = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(n)]) for n in (3, 2))
    with pytest.raises(RecipeError, match=r"output_shape is \(None, 3\), that of .* is \(None, 2\)"):
        teaching.Teaching(wide, Distillation(teacher="x"), classes=True).check(narrow)


JAX = """
import keras, numpy as np
from recipes import registry
from recipes.training import compressing
from recipes.training.teaching import Teaching
from recipes.training.trainee import Trainee
assert keras.backend.backend() == "jax"
keras.utils.set_random_seed(0)
def network(width):
    L = keras.layers
    return keras.Sequential([keras.Input((8, 8, 1)), L.Flatten(), L.Dense(width, "relu"), L.Dense(3)])
recipe = registry.get("lenet5_digits", **{BOTH!r}, **{{"distillation.teacher": "x"}})
model, teacher = network(16), network(32)
taught = [np.asarray(weight) for weight in teacher.weights]
lesson = Teaching(teacher, recipe.distillation, True)
trainee = Trainee(model, [keras.layers.GaussianNoise(0.1)], teaching=lesson)
trainee.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
x = np.random.default_rng(0).random((64, 8, 8, 1), np.float32)
with compressing.applied(recipe, model, trainee, 16) as callbacks:
    trainee.fit(x, np.arange(64) % 3, batch_size=16, epochs=4, callbacks=callbacks, verbose=0)
for layer in (model.layers[1], model.layers[2]):
    kernel = np.asarray(layer.kernel)
    assert (kernel == 0).mean() == 0.5
    assert all(len(np.unique(column)) <= 16 for column in kernel.T)
assert all((old == np.asarray(new)).all() for old, new in zip(taught, teacher.weights))
"""


def test_jax_trains_with_all_of_it(process, jax_backend):
    child = process(command=("-c", JAX.format(BOTH=BOTH)), **jax_backend)
    _, err = child.communicate(timeout=280)
    assert child.returncode == 0, err
