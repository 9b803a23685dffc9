"""One model on several devices by `tf.distribute`, trained by Keras's own `fit`.

What is computed is what one device would compute from the whole batch: each device's loss counts by its
share of the batch, gradients are added up before they are clipped or accumulated, batch normalisation and the
ranges of simulated integers take the statistics of the whole batch. Keras itself averages losses over devices, whatever their shares, and clips
on each device alone.
"""

import contextlib
import functools

import keras
from keras.src.losses import loss as keras_losses

from recipes.errors import RecipeError
from recipes.training.distribution import normalizing, ranges, updating
from recipes.training.distribution.single import Single

_APART = 1_000_003  # between the seeds of two devices; those of a model's layers lie close together


class Replicas(Single):
    """A model on each of several devices.

    Random changes and dropout are drawn on each device for its own share: with them a history differs from
    that of one device as with another seed, without them it is the same up to rounding.

    Args:
        name: As `--strategy` takes it.
        devices: What trains, in words.
        strategy: A `tf.distribute.Strategy`.
        exact: As of `Single`.
        even: Whether all shares have to be of one size.
    """

    def __init__(self, name, devices, strategy, exact=True, even=False):
        super().__init__(name, devices, exact, strategy.scope)
        self.strategy, self.even = strategy, even
        self.replicas = strategy.num_replicas_in_sync

    def told(self, batch_size):
        shares = sorted(
            {len(range(*self._share(i, batch_size).indices(batch_size))) for i in range(self.replicas)}
        )
        each = " or ".join(map(str, shares))
        return f"{super().told(batch_size)}; {each} of the {batch_size} examples of a batch on each"

    def check(self, recipe):
        size, count = recipe.batch_size, self.replicas
        if size < count or (self.even and size % count):
            near = max(count, round(size / count) * count)
            raise RecipeError(
                f"batch_size={size} can't be shared by {count} devices: give --set batch_size={near}, or "
                "another strategy"
            )

    def _share(self, replica, size):
        """The part of a batch of `size` examples that a device learns from."""
        return slice(replica * size // self.replicas, (replica + 1) * size // self.replicas)

    @contextlib.contextmanager
    def training(self, trainee, batch_size):
        own = trainee._distribute_strategy
        told = updating.Step()
        trainee._distribute_strategy = None  # Keras's `fit` then leaves batches and results as they are
        trainee.make_train_function = lambda force=False: self._compile_training(
            trainee, batch_size, told, force
        )
        trainee.make_test_function = lambda force=False: self._compile_test(trainee, force)
        with (
            _plain_losses(),
            normalizing.synchronized(trainee),
            ranges.followed(trainee),
            updating.together(trainee.optimizer, told),
            _own_seeds(trainee),
        ):
            try:
                yield
            finally:
                del trainee.make_train_function, trainee.make_test_function
                trainee._distribute_strategy = own
                trainee.train_function = trainee.test_function = None

    def _compile_training(self, trainee, batch_size, told, force):
        def step(data, changes):
            told.here.weight, told.changes = _rows(data) / batch_size, changes
            return trainee.train_step(data)

        if force or trainee.train_function is None:
            changes = functools.partial(updating.due, trainee.optimizer)
            trainee.train_function = self._function(step, trainee, changes)

    def _compile_test(self, trainee, force):
        def step(data, _):
            return trainee.test_step(data) if _rows(data) else trainee.get_metrics_result()

        if force or trainee.test_function is None:
            trainee.test_function = self._function(step, trainee, bool)

    def _function(self, step, trainee, changes):
        """What Keras calls with an iterator: `step` on every device, as often as one execution has steps.

        A step is compiled for each of the values that `changes()` gives.
        """
        import tensorflow as tf

        @tf.function
        def on_all(data, changes):
            logs = self.strategy.run(step, (data, changes))
            return keras.tree.map_structure(lambda v: self.strategy.experimental_local_results(v)[0], logs)

        def function(iterator):
            logs = None
            for _ in range(trainee.steps_per_execution):
                if (batch := next(iterator, None)) is None:
                    break
                logs = on_all(self._spread(batch), changes())
            if logs is None:
                raise StopIteration
            return logs

        return function

    def _spread(self, batch):
        """The examples that this process feeds, a part of them on each of its devices."""
        here, size = len(self.strategy.extended.worker_devices), _rows(batch)

        def rows(context):
            i = context.replica_id_in_sync_group % here
            return keras.tree.map_structure(lambda v: v[i * size // here : (i + 1) * size // here], batch)

        return self.strategy.experimental_distribute_values_from_function(rows)


def _rows(data):
    """How many examples a batch holds."""
    return keras.tree.flatten(data)[0].shape[0]


@contextlib.contextmanager
def _plain_losses():
    """Within the block, Keras's losses are means over the examples they see, whatever the number of devices."""
    names = ("scale_loss_for_distribution", "unscale_loss_for_distribution")
    own = {name: getattr(keras_losses, name) for name in names}
    for name in names:
        setattr(keras_losses, name, lambda value: value)
    try:
        yield
    finally:
        for name, function in own.items():
            setattr(keras_losses, name, function)


@contextlib.contextmanager
def _own_seeds(trainee):
    """Within the block, each device draws random numbers of its own; the first one those of a single device."""
    generators = {id(g): g for layer in trainee._flatten_layers() for g in layer._seed_generators}.values()
    for generator in generators:
        generator.next = _own_seed(generator.next)
    try:
        yield
    finally:
        for generator in generators:
            del generator.next


def _own_seed(draw):
    import tensorflow as tf

    def next_seed(ordered=True):
        seed, context = draw(ordered), tf.distribute.get_replica_context()
        if context is None:
            return seed
        apart = tf.cast(context.replica_id_in_sync_group, seed.dtype) * tf.constant(_APART, seed.dtype)
        return seed + tf.stack([apart, tf.zeros_like(apart)])

    return next_seed
