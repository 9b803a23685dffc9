"""Throughput of `edgezoo train` against a bare `model.fit` on float arrays in memory, as a ratio.

    python tests/benchmarks/training.py [ROUNDS]

Both train the same architecture with the same optimiser, loss, augmentation, validation and batch size.
Ours reads memory-mapped uint8 images in seeded order, writes the history and a checkpoint after every
epoch, and normalises batches with the fused kernel; the bare one does none of that. Epochs of the two
alternate, so that whatever else the machine does falls on both; the first epoch of each, which compiles,
does not count. Images are random: their content does not change the time. Two ratios are printed, of
time on the clock and of processor time, which a busy machine hardly changes; above 1 ours is faster.
"""

import contextlib
import pathlib
import statistics
import sys
import tempfile
import time

import keras
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from recipes import pipeline, registry, tasks
from recipes.data import augmentation, feeding
from recipes.data.prepared import Prepared, Split
from recipes.training import batch_norm, fit, optimizer

CASES = {  # name → recipe, shape of an image, images
    "lenet5, digits": ("lenet5_digits", (28, 28, 1), 1442),
    "lenet5, MNIST-sized": ("lenet5_mnist", (28, 28, 1), 6400),
    "resnet8, CIFAR-sized": ("resnet8_cifar10", (32, 32, 3), 2560),
}


def prepared(folder, shape, count):
    """Random images and labels in memory-mapped files, as a prepared data set."""
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", rng.integers(0, 256, (count, *shape), np.uint8))
    x, y = np.load(folder / "x.npy", mmap_mode="r"), rng.integers(0, 10, count).astype(np.int32)
    split = Split(x, y)
    return Prepared("random", split, split, tuple("0123456789"), "random")


def ours(recipe, data, folder, fused):
    """A function that trains one epoch as `edgezoo train` does."""
    context = tasks.Context(recipe, data)
    train, validation = context.train, context.validation
    model = pipeline.build(recipe, data)
    trainee = fit.compile_trainee(recipe, model, train.size // recipe.batch_size, 0)
    variables, history = [*trainee.variables, *trainee.optimizer.variables], []

    def epoch(number):
        with batch_norm.fused(model) if fused else contextlib.nullcontext():
            trainee.fit(
                feeding.Batches(train, recipe.batch_size, shuffle=0, epoch=number),
                validation_data=feeding.Batches(validation, 256),
                initial_epoch=number,
                epochs=number + 1,
                callbacks=[fit._Keeper(folder, variables, history), fit._Reporter(recipe, lambda *step: None)],
                verbose=0,
            )

    return epoch, train.size


def bare(recipe, data):
    """A function that trains one epoch with `model.fit` on arrays."""
    context = tasks.Context(recipe, data)
    train, validation = context.train, context.validation
    (x, y), (vx, vy) = ((feeding.images(recipe, s), data.train.y[s.indices]) for s in (train, validation))
    model = keras.Sequential([keras.Input(data.shape), *augmentation.layers(recipe.augmentation, 0), pipeline.build(recipe, data)])
    task = tasks.get(recipe.task)
    rate = optimizer.build(recipe.optimizer, recipe.epochs * len(x) // recipe.batch_size)
    model.compile(rate, task.loss(recipe), metrics=task.metrics(), jit_compile=False)
    size = len(x) // recipe.batch_size * recipe.batch_size

    def epoch(number):
        options = {"initial_epoch": number, "epochs": number + 1, "verbose": 0}
        model.fit(x[:size], y[:size], recipe.batch_size, validation_data=(vx, vy), validation_batch_size=256, **options)

    return epoch


def measure(name, rounds, fused):
    """Print images a second of both and the median ratios over pairs of epochs."""
    recipe_name, shape, count = CASES[name]
    recipe = registry.get(recipe_name)
    with tempfile.TemporaryDirectory() as folder:
        data = prepared(pathlib.Path(folder), shape, count)
        keras.utils.set_random_seed(0)
        our_epoch, images = ours(recipe, data, pathlib.Path(folder), fused)
        epochs = (our_epoch, bare(recipe, data))
        times = [[seconds(epoch, number) for epoch in epochs] for number in range(rounds + 1)][1:]
    clock, processor = (statistics.median(plain[i] / own[i] for own, plain in times) for i in (0, 1))
    own, plain = (images / statistics.median(t[0] for t in column) for column in zip(*times, strict=True))
    label = f"{name:22} {'fused' if fused else 'plain'} batch norm"
    print(f"{label}  ours {own:6.0f}/s  bare {plain:6.0f}/s  ratio {clock:.2f}, processor {processor:.2f}", flush=True)


def seconds(epoch, number):
    """Seconds on the clock and of processor time that an epoch takes."""
    began = time.perf_counter(), time.process_time()
    epoch(number)
    return time.perf_counter() - began[0], time.process_time() - began[1]


if __name__ == "__main__":
    for case in CASES:
        for with_kernel in (True, False) if "resnet" in case else (True,):
            measure(case, int(sys.argv[1]) if len(sys.argv) > 1 else 8, with_kernel)
