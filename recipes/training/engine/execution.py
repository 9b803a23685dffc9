"""How many steps one call of the compiled function takes, chosen by timing a few."""

import time

import keras

from recipes.errors import RecipeError

CANDIDATES = (1, 4, 16, 64)
_TIMED = 64  # steps, at most, that each candidate is timed on
_WORTH = 0.03  # share of the time a step takes by which a longer call has to be faster


def check(values):
    """Raise a `RecipeError` where the backend takes no more than one step a call."""
    if keras.backend.backend() == "torch" and values.steps_per_execution not in (1, "auto"):
        raise RecipeError(
            f"engine.steps_per_execution={values.steps_per_execution}: Keras takes one step a call under "
            "PyTorch; leave it out"
        )


def measured(trainee, batches):
    """The number of steps a call with which a step takes least time, and a sentence on what was measured.

    The shortest call that comes close to the fastest. Weights, random states and the optimiser are given
    back as they were, and no generator that training uses is touched: the results are those of any other
    number.

    Args:
        trainee: A compiled `keras.Model`, its variables built.
        batches: A `recipes.data.feeding.Batches`.
    """
    if keras.backend.backend() != "tensorflow":
        return 1, "1 step a call: only TensorFlow takes several at once"
    possible = [count for count in CANDIDATES if count <= len(batches)]
    kept = [keras.ops.convert_to_numpy(v).copy() for v in _state(trainee)]
    try:
        times = {count: _seconds(trainee, _First(batches, _TIMED), count) for count in possible}
    finally:
        for variable, value in zip(_state(trainee), kept, strict=True):
            variable.assign(value)
        _compile_anew(trainee)
    best = fastest(times)
    seen = ", ".join(f"{count} {1e3 * seconds:.2f} ms" for count, seconds in times.items())
    return best, f"{best} steps a call (a step at {seen})"


def fastest(times):
    """The least number of steps a call whose time a step, of `times`, is close to the shortest."""
    bound = min(times.values()) * (1 + _WORTH)
    return min(count for count, seconds in times.items() if seconds <= bound)


def _seconds(trainee, batches, count):
    """Seconds a step: the shorter of two epochs over the first batches, after one that compiles."""
    trainee.steps_per_execution = count
    _compile_anew(trainee)
    clock = _Clock()
    trainee.fit(batches, epochs=3, shuffle=False, callbacks=[clock], verbose=0)
    return min(clock.seconds[1:]) / len(batches)


def _state(trainee):
    return [*trainee.variables, *trainee.optimizer.variables]


def _compile_anew(trainee):
    trainee.train_function = trainee.test_function = None


class _First(keras.utils.PyDataset):
    """The first `count` of some batches, epoch after epoch the same."""

    def __init__(self, batches, count):
        super().__init__()
        self.batches, self.count = batches, min(count, len(batches))

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return self.batches[i]


class _Clock(keras.callbacks.Callback):
    """How long each epoch's steps took."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)
