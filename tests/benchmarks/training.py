"""Throughput of `edgezoo train` against a bare `model.fit` on float arrays in memory, as a ratio.

    python tests/benchmarks/training.py [ROUNDS]

All train the same architecture with the same optimiser, loss, augmentation, validation and batch size: the
bare one by `fit` of a Keras model, ours by what `edgezoo train` calls, once without and once with
diagnostics. Ours reads memory-mapped uint8 images in seeded order, writes the history and a checkpoint after
every epoch, and normalises batches with the fused kernel; the bare one does none of that. The three take
turns, an epoch each, so that whatever else the machine does falls on all of them; the first epoch, which
compiles, does not count. Images are random: their content does not change the time. Ratios are medians over
rounds, of time on the clock and of processor time, which a busy machine hardly changes; above 1 is faster
than bare.
"""

import pathlib
import statistics
import sys
import tempfile
import threading
import time

import keras
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
from recipes import pipeline, registry, tasks
from recipes.data import augmentation, feeding
from recipes.data.prepared import Prepared, Split
from recipes.training import fit, optimizer

CASES = {  # name → recipe, shape of an image, images
    "lenet5, MNIST-sized": ("lenet5_mnist", (28, 28, 1), 12_800),
    "resnet8, CIFAR-sized": ("resnet8_cifar10", (32, 32, 3), 2_560),
}
EVERY = 50  # steps from one look of the diagnostics to the next
NAMES = ("bare", "ours", "diagnosed")


class Turns:
    """Trainings in threads of their own that take turns, an epoch each, and what each epoch took."""

    def __init__(self, names):
        self.locks = {name: threading.Semaphore(0) for name in names}
        self.after = dict(zip(names, [*names[1:], names[0]], strict=True))
        self.times = {name: [] for name in names}
        self.began = {}

    def run(self, trainings):
        """Run `trainings`, functions by name that call `ended(name)` after each epoch, to their end."""
        threads = [threading.Thread(target=self._begin, args=item) for item in trainings.items()]
        for thread in threads:
            thread.start()
        self.locks[next(iter(trainings))].release()
        for thread in threads:
            thread.join()
        return self.times

    def _begin(self, name, training):
        self.locks[name].acquire()
        self._start(name)
        try:
            training()
        finally:
            self.locks[self.after[name]].release()

    def ended(self, name):
        """An epoch of `name` has ended: note what it took, and let the others go on."""
        clock, processor = self.began[name]
        self.times[name].append((time.perf_counter() - clock, time.process_time() - processor))
        self.locks[self.after[name]].release()
        self.locks[name].acquire()
        self._start(name)

    def _start(self, name):
        self.began[name] = time.perf_counter(), time.process_time()


def prepared(folder, shape, count):
    """Random images and labels in memory-mapped files, as a prepared data set."""
    rng = np.random.default_rng(0)
    np.save(folder / "x.npy", rng.integers(0, 256, (count, *shape), np.uint8))
    x, y = np.load(folder / "x.npy", mmap_mode="r"), rng.integers(0, 10, count).astype(np.int32)
    split = Split(x, y)
    return Prepared("random", split, split, tuple("0123456789"), "random")


def ours(recipe, data, folder, ended):
    """A function that trains as `edgezoo train` does."""
    model = pipeline.build(recipe, data)

    def progress(stage, done, total):
        if stage.startswith("epoch "):
            ended()

    return lambda: fit.fit(recipe, model, data, 0, folder, progress)


def bare(recipe, data, ended):
    """A function that trains with `model.fit` on arrays."""
    context = tasks.Context(recipe, data)
    train, validation = context.train, context.validation
    (x, y), (vx, vy) = ((feeding.images(recipe, s), data.train.y[s.indices]) for s in (train, validation))
    layers = augmentation.layers(recipe.augmentation, 0)
    model = keras.Sequential([keras.Input(data.shape), *layers, pipeline.build(recipe, data)])
    task = tasks.get(recipe.task)
    size = len(x) // recipe.batch_size * recipe.batch_size
    rate = optimizer.build(recipe.optimizer, recipe.epochs * size // recipe.batch_size)
    model.compile(rate, task.loss(recipe), metrics=task.metrics(), jit_compile=False)
    each = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ended())
    held = {"validation_data": (vx, vy), "validation_batch_size": 256}
    return lambda: model.fit(
        x[:size], y[:size], recipe.batch_size, recipe.epochs, verbose=0, callbacks=[each], **held
    )


def measure(name, rounds):
    """Print images a second of the bare training, and the median ratios of ours to it over rounds."""
    recipe_name, shape, count = CASES[name]
    recipe = registry.get(recipe_name, epochs=rounds + 1)
    diagnosed = registry.get(recipe_name, epochs=rounds + 1, **{"diagnostics.every": EVERY})
    turns = Turns(NAMES)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        data = prepared(folder, shape, count)
        keras.utils.set_random_seed(0)
        trainings = {
            "bare": bare(recipe, data, lambda: turns.ended("bare")),
            "ours": ours(recipe, data, folder / "ours", lambda: turns.ended("ours")),
            "diagnosed": ours(diagnosed, data, folder / "diagnosed", lambda: turns.ended("diagnosed")),
        }
        times = {key: value[1:] for key, value in turns.run(trainings).items()}
    images = tasks.Context(recipe, data).train.size
    plain = images / statistics.median(seconds for seconds, _ in times["bare"])
    columns = [f"{key} {_ratios(times['bare'], times[key])}" for key in NAMES[1:]]
    print(f"{name:22} bare {plain:6.0f} images/s  " + "  ".join(columns), flush=True)


def _ratios(plain, own):
    """`clock (processor)`, the median over rounds of bare time by our time."""
    clock, processor = (
        statistics.median(p[i] / o[i] for p, o in zip(plain, own, strict=True)) for i in (0, 1)
    )
    return f"{clock:.3f} (processor {processor:.3f})"


if __name__ == "__main__":
    for case in CASES:
        measure(case, int(sys.argv[1]) if len(sys.argv) > 1 else 8)
