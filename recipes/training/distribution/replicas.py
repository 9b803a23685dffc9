"""One model on several devices by `tf.distribute`, trained by Keras's own `fit`.

What is computed is what one device would compute from the whole batch: each device's loss counts by its
share of the batch, gradients are added up before they are clipped, and batch normalisation takes the
statistics of the whole batch. Keras itself averages losses over devices, whatever their shares, and clips
on each device alone.
"""

import contextlib
import threading

import keras
from keras.src.losses import loss as keras_losses

from recipes.errors import RecipeError
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
        if recipe.engine.accumulation > 1:
            raise RecipeError(
                f"engine.accumulation={recipe.engine.accumulation} is for one device under TensorFlow, and "
                f"--strategy {self.name} has {count}: give engine.accumulation=1, or KERAS_BACKEND=jax"
            )

    def _share(self, replica, size):
        """The part of a batch of `size` examples that a device learns from."""
        return slice(replica * size // self.replicas, (replica + 1) * size // self.replicas)

    @contextlib.contextmanager
    def training(self, trainee, batch_size):
        own = trainee._distribute_strategy
        weight = threading.local()  # a device's step runs in a thread of its own
        trainee._distribute_strategy = None  # Keras's `fit` then leaves batches and results as they are
        trainee.make_train_function = lambda force=False: self._compile_training(
            trainee, batch_size, weight, force
        )
        trainee.make_test_function = lambda force=False: self._compile_test(trainee, force)
        with (
            _plain_losses(),
            _synchronized(trainee),
            _weighed(trainee.optimizer, weight),
            _own_seeds(trainee),
        ):
            try:
                yield
            finally:
                del trainee.make_train_function, trainee.make_test_function
                trainee._distribute_strategy = own
                trainee.train_function = trainee.test_function = None

    def _compile_training(self, trainee, batch_size, weight, force):
        def step(data):
            weight.value = _rows(data) / batch_size
            return trainee.train_step(data)

        if force or trainee.train_function is None:
            trainee.train_function = self._function(step, trainee)

    def _compile_test(self, trainee, force):
        def step(data):
            return trainee.test_step(data) if _rows(data) else trainee.get_metrics_result()

        if force or trainee.test_function is None:
            trainee.test_function = self._function(step, trainee)

    def _function(self, step, trainee):
        """What Keras calls with an iterator: `step` on every device, as often as one execution has steps."""
        import tensorflow as tf

        @tf.function
        def on_all(data):
            logs = self.strategy.run(step, (data,))
            return keras.tree.map_structure(lambda v: self.strategy.experimental_local_results(v)[0], logs)

        def function(iterator):
            logs = None
            for _ in range(trainee.steps_per_execution):
                if (batch := next(iterator, None)) is None:
                    break
                logs = on_all(self._spread(batch))
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
def _synchronized(trainee):
    """Within the block, batch normalisations take the statistics of whole batches."""
    found = [x for x in trainee._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    layers = [layer for layer in found if not layer.synchronized]
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False


@contextlib.contextmanager
def _weighed(optimizer, weight):
    """Within the block, a device's loss counts by `weight.value`, and gradients are clipped once added up."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    scale, clip, add = optimizer.scale_loss, inner._clip_gradients, inner._all_reduce_sum_gradients
    optimizer.scale_loss = lambda loss: scale(loss) * weight.value
    clips = any((inner.clipnorm, inner.global_clipnorm, inner.clipvalue))
    if clips:
        inner._clip_gradients = lambda grads: clip([g for g, _ in add([(g, None) for g in grads])])
        inner._all_reduce_sum_gradients = lambda pairs: pairs
    try:
        yield
    finally:
        del optimizer.scale_loss
        if clips:
            del inner._clip_gradients, inner._all_reduce_sum_gradients


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
