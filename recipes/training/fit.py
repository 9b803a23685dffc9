"""Training one recipe, epoch by epoch, so that a killed run can go on as if nothing had happened."""

import math
import random

import keras
import numpy as np

from recipes import diagnostics, files, tasks
from recipes.data import augmentation, checking, feeding
from recipes.errors import TrainingError
from recipes.training import (
    checkpoints,
    compressing,
    distribution,
    engine,
    optimizer,
    pretraining,
    regularization,
    stopping,
    transfer,
)
from recipes.training.trainee import Trainee


def compile_trainee(recipe, model, steps_per_epoch, seed, shape=None, teaching=None):
    """`model` behind the recipe's augmentation, compiled for the task, all variables built.

    `shape` is that of one example of the data, where it is not that of the model's input; `teaching` a
    `recipes.training.teaching.Teaching` or `None`.
    """
    if teaching:
        teaching.check(model)
    with distribution.current().building():
        return _compiled(recipe, model, steps_per_epoch, seed, shape, teaching)


def _compiled(recipe, model, steps_per_epoch, seed, shape, teaching):
    task = tasks.get(recipe.task)
    trainee = Trainee(
        model,
        augmentation.layers(recipe.augmentation, seed),
        task.RECONSTRUCTS,
        augmentation.mixing(recipe.augmentation, seed),
        tasks.degradation(recipe),
        teaching,
    )
    trainee.compile(
        optimizer=optimizer.build(
            recipe.optimizer, steps_per_epoch * recipe.epochs, recipe.engine, transfer.optimizers(recipe)
        ),
        loss=task.loss(recipe),
        metrics=task.metrics(),
        **engine.compiling(recipe, trainee),
    )
    example = np.zeros((1, *(shape or model.input_shape[1:])), "float32")
    trainee({"image": example, "label": np.zeros(1, "int32")} if tasks.conditional(recipe) else example)
    trainee.optimizer.build(trainee.trainable_variables)
    return trainee


def fit(recipe, model, data, seed, folder, progress=None, teaching=None, until=None):
    """Train `model`, writing `history.csv` and `checkpoints/` under `folder` after every epoch.

    Goes on from the newest checkpoint under `folder` where there is one. With early stopping the model
    ends with the weights of its best epoch. It runs where `recipes.training.distribution.take` has chosen.

    With `until`, training pauses after so many epochs of the recipe's, and can go on from there.

    Returns:
        The history: a list with one dict an epoch.

    Raises:
        TrainingError: The loss became NaN or infinite; the last good checkpoint stays.
    """
    checking.check_arrays(data)
    context, taken = tasks.Context(recipe, data), distribution.current()
    train, validation, conditional = context.train, context.validation, tasks.conditional(recipe)
    size = min(recipe.batch_size, train.size)
    steps = train.size // size
    with engine.guarded(recipe, 1):  # the optimiser's variables, and one example to build by
        trainee = compile_trainee(recipe, model, steps, seed, data.shape, teaching)
    variables = [*trainee.variables, *trainee.optimizer.variables]
    epoch, history = checkpoints.restore(folder / "checkpoints", variables)
    patience = recipe.regularization.early_stopping
    if epoch == 0:
        pretraining.pretrain(context, model, progress)
    last = min(until or recipe.epochs, recipe.epochs)
    if epoch < last and not stopping.due(history, patience):
        for _ in range(epoch):  # Keras shuffles the batches with Python's generator, once an epoch
            random.shuffle(list(range(steps)))
        options = {"conditional": conditional, "part": taken.part}
        batches = engine.batches(recipe.engine, train, size, shuffle=seed, epoch=epoch, **options)
        held_out = feeding.Batches(validation, 256, binarize=recipe.features.binarize, **options)
        with (
            taken.training(trainee, size),
            engine.applied(recipe, model, trainee, batches, progress) as averaging,
            regularization.applied(model, recipe.regularization),
            compressing.applied(
                recipe, model, trainee, steps * recipe.epochs // recipe.engine.accumulation
            ) as compressors,
            transfer.applied(recipe, model, trainee) as stages,
        ):
            watchers = [
                *diagnostics.callbacks(context, trainee, steps, folder, progress),
                _Keeper(folder, variables, history, patience),
                *([_Reporter(recipe, progress)] if progress else []),
            ]
            trainee.fit(
                engine.fed(batches),
                validation_data=engine.fed(held_out),
                initial_epoch=epoch,
                epochs=last,
                callbacks=[*averaging, *compressors, *stages, *watchers],
                verbose=0,
            )
    compressing.settle(recipe, model)
    if patience:
        checkpoints.restore_epoch(folder / "checkpoints", stopping.best_epoch(history), variables)
    engine.settle(recipe, trainee)
    return history


class _Keeper(keras.callbacks.Callback):
    """After every epoch: stop at a loss that is no number, else write the history and a checkpoint.

    Training also ends after `patience` epochs without a lower validation loss, unless that is None.
    """

    def __init__(self, folder, variables, history, patience=None):
        super().__init__()
        self.folder, self.variables, self.history, self.patience = folder, variables, history, patience

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{k: float(v) for k, v in (logs or {}).items()}}
        if not all(math.isfinite(v) for v in row.values()):
            kept = f"the checkpoint of epoch {epoch} is kept" if epoch else "no epoch was finished before"
            raise TrainingError(
                f"the loss is not a number after epoch {epoch + 1} (loss {row['loss']}, validation loss "
                f"{row.get('val_loss')}); {kept}. Lower optimizer.learning_rate or set optimizer.clip_norm=1"
            )
        self.history.append(row)
        files.write_csv(self.folder / "history.csv", self.history)
        best = stopping.best_epoch(self.history) if self.patience else None
        checkpoints.save(self.folder / "checkpoints", epoch + 1, self.variables, self.history, best)
        if stopping.due(self.history, self.patience):
            self.model.stop_training = True


class _Reporter(keras.callbacks.Callback):
    """Tells `progress(stage, done, total)` of every step, at most a few hundred times an epoch."""

    def __init__(self, recipe, progress):
        super().__init__()
        self.epochs, self.progress = recipe.epochs, progress

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.stride, self.told = max(1, (self.params["steps"] or 1) // 200), -1

    def on_train_batch_end(self, step, logs=None):
        if step // self.stride > self.told // self.stride:
            self.told = step
            steps = self.params["steps"]
            self.progress("training", self.epoch * steps + step + 1, self.epochs * steps)

    def on_epoch_end(self, epoch, logs=None):
        values = ", ".join(f"{k} {v:.4f}" for k, v in (logs or {}).items())
        steps = self.params["steps"]
        self.progress("training", (epoch + 1) * steps, self.epochs * steps)
        self.progress(f"epoch {epoch + 1}/{self.epochs}: {values}", 0, 0)
