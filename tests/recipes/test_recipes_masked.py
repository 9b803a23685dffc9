"""Masked pre-training: what counts in its loss, what its network sees, and the gain that it reports."""

import keras
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from recipes import pipeline, registry, rundir
from recipes.errors import RecipeError
from recipes.tasks import masked_reconstruction
from recipes.training import masked
from recipes.transfer import Transfer

VALUES = {
    "model": "separable_cnn",
    "arguments": {"filters": [8, 16], "stem_strides": 2},
    "examples": 60,
    "epochs": 2,
    "batch_size": 16,
    "precisions": ["float32"],
    "pretraining.kind": "masked",
    "pretraining.epochs": 2,
    "pretraining.masking.width": 8,
    "transfer.compare": True,
}


def recipe_with(**values):
    return registry.get("lenet5_digits", **{**VALUES, **values})


def weights(model):
    return [np.array(w) for w in model.get_weights()]


class Killed(Exception):
    pass


def until(text):
    """A progress that is told `text` only once."""

    def progress(stage, done, total):
        if stage.startswith(text):
            raise Killed

    return progress


# --- the loss


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**16))
def test_loss_is_the_mean_over_hidden_pixels_alone(count, channels, seed):
    rng = np.random.default_rng(seed)
    image, made = (rng.random((count, 4, 6, channels), np.float32) for _ in range(2))
    hidden = rng.random((count, 4, 6)) < rng.random((count, 1, 1))
    output = np.concatenate([made, hidden[..., None].astype(np.float32)], axis=-1)
    found = masked_reconstruction.HiddenError(reduction=None)(image, output)
    expected = [
        np.square(image[i][hidden[i]] - made[i][hidden[i]]).mean() if hidden[i].any() else 0.0
        for i in range(count)
    ]
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-6)


# --- what is seen


def filled(model, images, **values):
    """What a new masked autoencoder makes of images, `(n, h, w, c)`, and where they were hidden."""
    learner = masked.autoencoder(recipe_with(**values), model)
    for variable in learner.variables:
        if "decoder" in variable.path:  # all are made alike
            drawn = np.random.default_rng(len(variable.shape)).normal(size=variable.shape)
            variable.assign(0.1 * drawn)
    output = np.asarray(learner(images, training=False))
    return output[..., :-1], output[..., -1:]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("separable_cnn", {"filters": [8, 16, 16]}),
        ("resnet8", {"input_shape": (28, 28, 1)}),
        ("lenet5_modern", {}),
        ("convnext_v2", {"input_shape": (32, 32, 1), "width": 0.2, "blocks": (1, 1, 1, 1), "patch": 2}),
    ],
)
def test_what_is_hidden_makes_no_difference(name, arguments):
    model = zoo.create(name, **arguments)
    rng = np.random.default_rng(0)
    images, others = (rng.random((3, *model.input_shape[1:]), np.float32) for _ in range(2))
    made, hidden = filled(model, images)
    again, where = filled(model, np.where(hidden, others, images))
    np.testing.assert_array_equal(hidden, where)
    np.testing.assert_allclose(made, again, atol=1e-6)
    different, _ = filled(model, np.where(hidden, images, others))
    assert np.abs(made - different).max() > 1e-4
    patches = hidden.reshape(3, hidden.shape[1] // 4, 4, hidden.shape[2] // 4, 4)
    assert (patches == patches[:, :, :1, :, :1]).all()
    assert hidden.mean() == pytest.approx(0.6, abs=0.02)


def test_the_model_itself_is_the_same_and_gives_its_weights():
    """The learner's layers are the model's own: what they learn is there without a copy."""
    model = zoo.create("separable_cnn", filters=[8, 16, 16])
    before = model.get_config()
    learner = masked.autoencoder(recipe_with(), model)
    own = {id(v) for v in model.trainable_variables}
    shared = [v.path for v in learner.trainable_variables if id(v) in own]
    assert len(shared) == len(own) - 2  # all but the logits'
    assert model.get_config() == before


# --- a run of both parts


@pytest.fixture(scope="module")
def through(tmp_path_factory):
    """A run that nothing disturbed, and what was told of it."""
    run = pipeline.start(recipe_with(), tmp_path_factory.mktemp("masked") / "run")
    told = []
    pipeline.train(run, lambda *what: told.append(what))
    return run, told


def test_hidden_patches_are_learnt_on_all_training_images(through):
    run, told = through
    history = rundir.Run(run.path / masked.FOLDER, run.recipe).history()
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["val_loss"] < history[0]["val_loss"]
    steps = {total for stage, _, total in told if stage == "pre-training" and total}
    assert steps == {2 * (int(0.9 * 1442) // 128)}
    assert len(run.history()) == 2


def test_the_gain_is_that_of_the_same_labels_and_epochs(through):
    run, told = through
    scores = pipeline.evaluate(run)["test"]
    assert scores["fine_tuning_gain"] == scores["accuracy"] - scores["from_scratch_accuracy"]
    scratch = rundir.Run(run.path / "from_scratch", run.recipe).history()
    assert len(scratch) == len(run.history())
    assert scratch[0]["loss"] != run.history()[0]["loss"]
    assert "from scratch, epoch 2/2" in {stage.partition(":")[0] for stage, _, _ in told}


def test_a_run_killed_in_either_part_comes_to_the_same_end(through, tmp_path):
    straight, _ = through
    alone = msgspec.structs.replace(straight.recipe, transfer=Transfer())  # without that from scratch
    run = rundir.create(tmp_path / "run", alone)
    for text in ("pre-training, epoch 2", "epoch 1"):
        with pytest.raises(Killed):
            pipeline.train(run, until(text))
    told = []
    pipeline.train(run, lambda *what: told.append(what[0]))
    assert "pre-training" not in told
    assert run.history() == straight.history()
    assert all(
        np.array_equal(a, b) for a, b in zip(weights(run.model()), weights(straight.model()), strict=True)
    )


def test_it_runs_under_jax(process, tmp_path, jax_backend):
    """Both parts, with layers learnt one group after the other at their own rates."""
    path = tmp_path / "run"
    values = {
        **{key: value for key, value in VALUES.items() if key not in ("arguments", "precisions")},
        "arguments.filters": "[8]",
        "arguments.stem_strides": 2,
        "pretraining.epochs": 1,
        "transfer.compare": "false",
        "transfer.unfreeze_every": 1,
        "transfer.rate_decay": 2,
    }
    settings_ = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    child = process("train", "lenet5_digits", "--out", path, *settings_, **jax_backend)
    _, err = child.communicate(timeout=400)
    assert child.returncode == 0, err
    run = rundir.open_run(path)
    assert rundir.noted(run, "backend") == "jax"
    assert rundir.noted(run, "transfer")["learnt_from_epoch"] == {"stem": 2, "logits": 1}
    assert len(run.history()) == 2
    begun, first, second = (
        stem(path / part / "checkpoints" / f"epoch_000{epoch}.npz")
        for part, epoch in ((masked.FOLDER, 1), (".", 1), (".", 2))
    )
    np.testing.assert_array_equal(first, begun)
    assert np.abs(second - first).max() > 0


def stem(checkpoint):
    """The kernel of the first convolution in a checkpoint: the model's variables come first."""
    with np.load(checkpoint) as archive:
        return next(archive[name] for name in archive.files if archive[name].shape == (3, 3, 1, 8))


# --- what can't be


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pretraining.masking.patch_size": 5}, "Patches of"),
        ({"pretraining.masking.ratio": 0.001}, "hides 0 of 49 patches"),
        ({"pretraining.masking.patch_size": 28}, "hides 1 of 1 patches"),
        ({"model": "deep_linear_network", "arguments": {}}, "no layer with weights"),
        (
            {
                "task": "anomaly",
                "model": "convolutional_autoencoder",
                "arguments": {},
                "features.left_out": "0",
            },
            "task=anomaly",
        ),
    ],
)
def test_what_cannot_be_learnt_so_is_refused(values, message, tmp_path):
    with pytest.raises(RecipeError, match=message):
        pipeline.start(recipe_with(**values), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_mixed_images_are_for_labels(tmp_path):
    """Images are not put together while patches are filled in, nor are weights averaged or pruned."""
    values = {"augmentation.mixup": 0.2, "engine.ema": 0.9, "regularization.max_norm": 2.0}
    part = masked.first_part(recipe_with(**values))
    assert (part.augmentation.mixup, part.engine.ema, part.regularization.max_norm) == (0.0, 0.0, None)
    assert part.examples is None
    assert keras.losses.get(masked_reconstruction.loss(part)).name == "hidden_error"
