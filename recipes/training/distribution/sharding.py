"""One model on several devices and processes by `keras.distribution` on JAX, trained by Keras's own `fit`.

The step is compiled for the whole batch and divided by the compiler: losses, batch normalisation, clipping,
random changes and dropout are those of one device, up to rounding.
"""

import contextlib
import tempfile

import keras
import numpy as np

from recipes import rundir
from recipes.errors import RecipeError
from recipes.training.distribution import handing_over
from recipes.training.distribution.single import Single


class Sharded(Single):
    """The weights on every device, a part of each batch on each.

    Each process reads the whole batch, and keeps what its devices need. A process that is lost ends the
    others, as JAX itself does: start the same command on each again, and the run goes on from its last
    checkpoint.

    Args:
        name: As `--strategy` takes it.
        devices: What trains, in words.
        exact: As of `Single`.
    """

    def __init__(self, name, devices, exact=True):
        import jax

        super().__init__(name, devices, exact)
        self.replicas, self.chief = jax.device_count(), jax.process_index() == 0
        self._distribution = keras.distribution.DataParallel(
            devices=keras.distribution.list_devices(jax.default_backend()), auto_shard_dataset=False
        )
        self._copies = contextlib.ExitStack()

    def told(self, batch_size):
        each = batch_size // self.replicas
        return f"{super().told(batch_size)}; {each} of the {batch_size} examples of a batch on each"

    def check(self, recipe):
        if recipe.batch_size % self.replicas:
            near = max(1, round(recipe.batch_size / self.replicas)) * self.replicas
            raise RecipeError(
                f"batch_size={recipe.batch_size} can't be shared equally by {self.replicas} devices, which JAX "
                f"asks for: give --set batch_size={near}, or another strategy"
            )

    def building(self):
        return self._distribution.scope()

    @contextlib.contextmanager
    def training(self, trainee, batch_size):
        from keras.src.backend.jax import distribution_lib

        own = distribution_lib.distribute_data_input
        distribution_lib.distribute_data_input = self._placed
        try:
            with self._distribution.scope():
                yield
        finally:
            distribution_lib.distribute_data_input = own

    def _placed(self, batch, layout, batch_dim_name):
        """A batch that every process has whole, on the devices: divided where it can be, else on each of them."""
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        spec = PartitionSpec(batch_dim_name) if batch.shape[0] % self.replicas == 0 else PartitionSpec()
        sharding = NamedSharding(self._distribution.device_mesh.backend_mesh, spec)
        return jax.make_array_from_callback(batch.shape, sharding, lambda index: np.asarray(batch)[index])

    def shared(self, opened):
        """On the first process what `opened()` gives; on the others a copy of that, in a folder of their own."""
        import jax

        if jax.process_count() == 1:
            return opened()
        run, content = None, b""
        try:
            if self.chief:
                run = opened()
                content = handing_over.packed(run.path)
        finally:
            content = _broadcast(content)
        if self.chief:
            return run
        if not content:
            raise RecipeError("the first process could not begin the run; its own output says why")
        folder = self._copies.enter_context(tempfile.TemporaryDirectory(prefix="edgezoo-process-"))
        return rundir.open_run(handing_over.unpacked(content, folder))

    def finish(self):
        self._copies.close()


def _broadcast(content):
    """The bytes that the first process has, on every process."""
    from jax.experimental import multihost_utils

    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
    padded = np.zeros(size, np.uint8)
    padded[: len(content)] = np.frombuffer(content, np.uint8)
    return (
        np.asarray(multihost_utils.broadcast_one_to_all(padded)).astype(np.uint8).tobytes() if size else b""
    )
